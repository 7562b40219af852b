// Stands in for the platform's shop tag, from its documented behaviour. The original asked the platform's back end
// for the order and had a fallback for the case that nobody answers; this is the fallback: it tells what the page
// itself knows.
//
//   on every page    the click id of the landing (`sscid`, else `awc`) is kept in `sas_m_awin` for 365 days
//   after an order   one pixel, with the parameters of the order and the kept click id
//
// Parameters of the tag's own address: sasmid (merchant), scid (store), xtm and xtv (own type, as text or as the
// name of a variable), cd (which channel came last decides, unless `false`). `troubleshooting` on the page fires
// the pixel again.
(function (page, doc) {
  "use strict";
  var YEAR = 31536000;
  var ORIGIN = "https://www.shareasale.com/sale.cfm";

  function parameters(query) {
    var found = {};
    var pairs = String(query || "").replace(/^\?/, "").split("&");
    for (var i = 0; i < pairs.length; i += 1) {
      var at = pairs[i].indexOf("=");
      var name = at < 0 ? pairs[i] : pairs[i].slice(0, at);
      if (name && !Object.prototype.hasOwnProperty.call(found, name)) {
        try {
          found[name] = decodeURIComponent((at < 0 ? "" : pairs[i].slice(at + 1)).replace(/\+/g, " "));
        } catch (error) {
          found[name] = "";
        }
      }
    }
    return found;
  }

  function cookie(name) {
    var all = String(doc.cookie || "").split("; ");
    for (var i = 0; i < all.length; i += 1) {
      if (all[i].indexOf(name + "=") === 0) {
        try {
          return decodeURIComponent(all[i].slice(name.length + 1));
        } catch (error) {
          return all[i].slice(name.length + 1);
        }
      }
    }
    return null;
  }

  function tag() {
    var scripts = doc.getElementsByTagName("script");
    for (var i = 0; i < scripts.length; i += 1) {
      var address = String(scripts[i].src || "");
      if (address.indexOf("/shareasale-tracking.js?") !== -1) {
        return parameters(address.slice(address.indexOf("?")).split("#")[0]);
      }
    }
    return {};
  }

  function refused() {
    var privacy = page.Shopify && page.Shopify.customerPrivacy;
    var asked = privacy && typeof privacy.userCanBeTracked === "function";
    return page.navigator.globalPrivacyControl === true || (asked && privacy.userCanBeTracked() === false);
  }

  function remember(landing) {
    var shape = /^[\w.,-]{1,200}$/;
    var click = shape.test(landing.sscid || "") ? landing.sscid : landing.awc;
    if (shape.test(click || "") && !refused()) {
      doc.cookie = "sas_m_awin=" + JSON.stringify({ clickId: click }) +
        "; path=/; max-age=" + YEAR + "; samesite=lax; secure";
    }
  }

  function remembered() {
    try {
      var click = JSON.parse(cookie("sas_m_awin") || "{}").clickId;
      return typeof click === "string" && !refused() ? click : "";
    } catch (error) {
      return "";
    }
  }

  function channel(settings, told) {
    var source = cookie("source");
    if (settings.cd === "false" || !source) {
      return;
    }
    // `aw` is what the new platform adds to the landing page of its clicks: without it here, the shop's own rule
    // would take every click of a moved shop for somebody else's.
    var ours = /^aw(in)?$|sas|shareasale/i.test(source) || /ppc|display|google|adwords|googleads/i.test(source);
    told.push(["autovoid", ours ? "0" : "1"], ["channel", source]);
  }

  function ownType(settings) {
    var text = settings.xtv || "";
    if (settings.xtm === "dynamic") {
      return /^[A-Za-z_$][\w$]*$/.test(text) && page[text] !== undefined ? String(page[text]) : "";
    }
    return settings.xtm === "static" ? text : "";
  }

  function basket(order, told) {
    var items = Array.isArray(order.line_items) ? order.line_items : [];
    function list(value) {
      // A comma separates articles, so none may stand in a value.
      return items.map(function (item) { return String(value(item)).replace(/,/g, " "); }).join(",");
    }
    if (items.length > 0) {
      told.push(["skulist", list(function (item) { return item.sku || item.product_id || ""; })]);
      told.push(["pricelist", list(function (item) { return item.price || "0"; })]);
      told.push(["quantitylist", list(function (item) { return item.quantity || 1; })]);
    }
  }

  function address(settings, order) {
    var told = [["merchantID", settings.sasmid], ["tracking", order.order_id], ["amount", order.subtotal_price],
      ["transtype", "sale"]];
    if (order.currency) {
      told.push(["currency", order.currency]);
    }
    if (order.discount && order.discount.code) {
      told.push(["couponcode", order.discount.code]);
    }
    basket(order, told);
    if (settings.scid && settings.scid !== "null") {
      told.push(["storeID", settings.scid]);
    }
    if (ownType(settings)) {
      told.push(["xtype", ownType(settings)]);
    }
    channel(settings, told);
    if (remembered()) {
      told.push(["sscid", remembered()], ["sscidmode", "6"]);
    }
    told.push(["v", "shopify_app_1.2_fallback"]);
    return ORIGIN + "?" + told.map(function (pair) {
      return pair[0] + "=" + encodeURIComponent(String(pair[1]));
    }).join("&");
  }

  function once(reference, again) {
    var name = "sas_order_" + reference;
    try {
      if (page.sessionStorage.getItem(name) && !again) {
        return false;
      }
      page.sessionStorage.setItem(name, "1");
    } catch (error) {
      // Without storage the pixel may come twice; the books count one order once.
    }
    return true;
  }

  function tell(landing) {
    var settings = tag();
    var order = page.Shopify && page.Shopify.checkout;
    if (!order || !order.order_id || order.subtotal_price === undefined || !/^\d+$/.test(settings.sasmid || "")) {
      return;
    }
    if (!once(order.order_id, landing.troubleshooting !== undefined)) {
      return;
    }
    var image = new page.Image(1, 1);
    image.id = "_SHRSL_img_1";
    image.src = address(settings, order);
    image.style.display = "none";
    if (doc.body) {
      doc.body.appendChild(image);
    }
  }

  try {
    var landing = parameters(page.location.search);
    remember(landing);
    tell(landing);
  } catch (error) {
    // A shop's page never breaks because of a pixel.
  }
})(window, document);
