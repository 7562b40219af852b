// Stands in for the platform's analytics script. Shops' pages call its queue, so the queue exists; what the
// original sent is not public, so nothing is sent. Orders are told by the order's own pixel.
(function (page) {
  "use strict";
  page.SHRSL_ANALYTICS_DISPATCH = function () {};
  if (Array.isArray(page.SHRSL_ANALYTICS_RUNTIME)) {
    page.SHRSL_ANALYTICS_RUNTIME.length = 0;
    page.SHRSL_ANALYTICS_RUNTIME.push = function () { return 0; };
  } else {
    page.SHRSL_ANALYTICS_RUNTIME = [];
  }
})(window);
