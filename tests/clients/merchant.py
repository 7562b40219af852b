"""A merchant's client of the signed interface, as shops run them: standard library only.

It knows nothing of what answers it. Every choice in it is one that real clients make: the action in the caller's own
letter case, the signature in upper or lower case, the date in any of the shapes that are in use, answers in text or XML,
and an error recognised by the words that the official plug-in looks for.

The host is the platform's own; only its resolution is changed (CONNECT_TO), as a merchant's resolver would do once the
platform's name leads elsewhere.

Reads calls from standard input, one JSON object a line, and prints one JSON object for each answer.
"""

import hashlib
import http.client
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

HOST = "api.shareasale.com"
VERSION = "3.0"
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Resolved(http.client.HTTPConnection):
    """A connection to where the name leads."""

    def connect(self):
        address, port = os.environ["CONNECT_TO"].rsplit(":", 1)
        self.sock = socket.create_connection((address, int(port)), 30)


class Handler(urllib.request.HTTPHandler):
    def http_open(self, request):
        return self.do_open(Resolved, request)


def date(shape):
    """The time now, in one of the shapes that clients send."""
    now = time.gmtime()
    day, month = DAYS[now.tm_wday], MONTHS[now.tm_mon - 1]
    if shape == "gmt":
        return time.strftime(f"{day}, %d {month} %Y %H:%M:%S GMT", now)
    if shape == "offset":
        return time.strftime(f"{day}, %d {month} %Y %H:%M:%S +0000", now)
    if shape == "unpadded":
        clock = f"{now.tm_hour}:{now.tm_min}:{now.tm_sec}"
        return f"{day}, {now.tm_mday} {month} {now.tm_year} {clock} +0000"
    if shape == "iso":
        return time.strftime("%Y-%m-%d %H:%M:%S GMT", now)
    if shape == "rfc3339":
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", now)
    raise ValueError(shape)


def call(one):
    """Makes one signed call; what it answers."""
    token, secret, action = one["token"], one["secret"], one["action"]
    stamp = date(one.get("shape", "gmt"))
    signature = hashlib.sha256(f"{token}:{stamp}:{action}:{secret}".encode()).hexdigest()
    if one.get("upper"):
        signature = signature.upper()
    query = {"merchantId": one["merchant"], "token": token, "version": VERSION, "action": action}
    if one.get("xml"):
        query["format"] = "xml"
    query.update(one.get("parameters", {}))
    url = f"http://{HOST}/w.cfm?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(
        url,
        headers={
            "x-ShareASale-Date": stamp,
            "x-ShareASale-Authentication": signature,
            "User-Agent": "shop/1.0",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Handler)
    try:
        with opener.open(request, timeout=30) as answer:
            status, body, retry = answer.status, answer.read().decode(), None
    except urllib.error.HTTPError as error:
        status, body, retry = error.code, error.read().decode(), error.headers.get("Retry-After")
    return {"status": status, "retry_after": retry, "body": body, "result": parse(status, body, one.get("xml"))}


def parse(status, body, xml):
    """What the answer means to a shop."""
    if status != 200:
        return "again"
    # The official plug-in looks for these words, whatever the format.
    if "Error Code" in body:
        text, code, _ = (part.strip() for part in body.split(" - ", 2))
        return f"error {code.rsplit(' ', 1)[1]}: {text}"
    if "Not Found" in body:
        return "not found"
    if "ambiguous" in body:
        return "ambiguous"
    if xml:
        root = xml_root(body)
        return root.findtext("result") or root.findtext("error")
    return body.split(" - ", 1)[0].strip()


def xml_root(body):
    return xml.etree.ElementTree.fromstring(body)


def main():
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(call(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
