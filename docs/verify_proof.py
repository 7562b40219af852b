#!/usr/bin/env python3
"""Checks an exported proof of the books (see ledger-proof.md) with nothing but Python's own library.

    verify_proof.py FILE PUBLIC_KEY [SEQUENCE:HASH ...]
"""
import hashlib
import json
import sys

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def field(text):
    data = text.encode()
    return len(data).to_bytes(4, "big") + data


def add(one, two):
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % P, (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or y >= P or (x == 0 and sign):
        raise ValueError("it is no point of the curve")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def is_signed(key, message, signature):
    """Ed25519, as RFC 8032 has it in section 5.1.7."""
    if len(signature) != 64 or (s := int.from_bytes(signature[32:], "little")) >= ORDER:
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    base = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    left, right = times(s, base), add(point(signature[:32]), times(hashed, point(key)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P


def check(path, key, kept):
    with open(path, encoding="utf-8") as lines:
        head = json.loads(next(lines))
        assert head["format"] == "turnout-proof" and head["version"] == 1, "it is no export of version 1"
        sequence, last, roots = -1, bytes(32), 0
        for line in map(json.loads, lines):
            if link := line.get("link"):
                fields = link["fields"]
                assert fields[:2] == ["turnout.link.1", str(sequence + 1)], f"link {sequence + 1} is missing"
                assert sequence >= 0 or fields[3] == head["ledger"], "the first link is of another ledger"
                last = hashlib.sha256(last + b"".join(map(field, fields))).digest()
                sequence += 1
                assert link["hash"] == last.hex(), f"link {sequence} has another hash than its record makes"
                kept.discard(f"{sequence}:{last.hex()}")
            else:
                root = line["root"]
                assert root["sequence"] == sequence and root["hash"] == last.hex(), "a root is of another link"
                told = ["turnout.root.1", head["ledger"], str(sequence), last.hex(), str(root["signed_at"])]
                message = b"".join(map(field, told))
                assert is_signed(key, message, bytes.fromhex(root["signature"])), f"root {sequence} is not by this key"
                roots += 1
    assert not kept, f"the chain does not lead through {sorted(kept)}"
    assert roots, "nobody has signed any of it"
    return f"whole: {sequence + 1} links, {roots} roots, the last link {sequence}:{last.hex()}"


if __name__ == "__main__":
    try:
        print(check(sys.argv[1], bytes.fromhex(sys.argv[2]), set(sys.argv[3:])))
    except (AssertionError, ValueError) as error:
        sys.exit(f"BROKEN: {error}")
