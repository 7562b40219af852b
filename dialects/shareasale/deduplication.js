// Stands in for the platform's deduplication script, from its documented behaviour: the landing page's parameter
// `source` becomes the cookie `source` of the shop, which tells the order's pixel which channel came last.
(function () {
  "use strict";
  try {
    var source = null;
    var pairs = window.location.search.replace(/^\?/, "").split("&");
    for (var i = 0; i < pairs.length; i += 1) {
      var at = pairs[i].indexOf("=");
      if (at > 0 && pairs[i].slice(0, at) === "source") {
        source = pairs[i].slice(at + 1);
      }
    }
    // The value stays percent-encoded: a cookie can hold it, and no other cookie can be slipped in.
    if (source && /^[\w.~%!*'()+-]{1,200}$/.test(source)) {
      var domain = window.location.hostname.split(".").slice(-2).join(".");
      document.cookie = "source=" + source + "; path=/; domain=" + domain + "; max-age=31536000; samesite=lax";
    }
  } catch (error) {
    // A shop's page never breaks because of a cookie.
  }
})();
