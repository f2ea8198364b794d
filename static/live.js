/* Open pages receive changes from one address (app/home/pages/live.py): as an event stream, or by a request
   every 30 s where there is no stream. A list or a ticket announces changes and shows them on request; an
   element with data-live="kinds of things", an id, hx-get and hx-trigger="live" is fetched again after one of
   these things changed. "3 minutes ago" is updated. Every page works without this file. */
(function () {
  "use strict";
  const page = document.body.dataset;
  const EVERY = 30000, FIRST = 10000, SILENT = 50000, TRIES = 3, MAX_PAUSE = 60000;
  const GAP = 15000; /* between two refreshes of one element, and two questions about a list */
  const MAX_ASKED = 100;

  /* ---- times age, by the server's clock ---- */
  const ahead = Date.parse(page.now) - Date.now();
  function length(minutes) {
    const days = Math.floor(minutes / 1440);
    if (minutes < 60) return Math.floor(minutes) + " min";
    if (days < 2) return Math.floor(minutes / 60) + " h";
    return days < 90 ? days + " d" : days < 720 ? _("%(count)s months", { count: Math.floor(days / 30) }) : _("%(count)s years", { count: Math.floor(days / 365) });
  }
  function age() {
    document.querySelectorAll("time[title] > span, .tickets td:is(.c-age, .c-changed) > time").forEach(function (one) {
      const was = one.textContent, at = Date.parse(one.closest("time").dateTime), passed = (Date.now() + ahead - at) / 60000;
      let is = length(Math.max(0, passed));
      if (!one.closest(".c-age")) is = Math.abs(passed) > 90 * 1440 ? new Date(at).toISOString().slice(0, 10) : passed < -1 ? _("in %(length)s", { length: length(-passed) }) : passed < 1 ? _("just now") : _("%(length)s ago", { length: is });
      if (is !== was) one.textContent = is;
    });
  }
  if (page.now) window.setInterval(age, 60000);

  const bar = document.getElementById("live");
  if (!bar || page.updates === "off" || !page.updates) return;

  /* ---- the connection ---- */
  let cursor = Number(page.cursor), source = null, timer = 0, fails = 0, asked = 0, tag = "", room = true, ended = false;
  function later(act, pause) {
    window.clearTimeout(timer);
    timer = window.setTimeout(act, pause);
  }
  function stop() {
    window.clearTimeout(timer);
    if (source) source.close();
    source = null;
  }
  function start() {
    if (ended || document.hidden) return;
    if (page.updates === "live" && window.EventSource && room && fails < TRIES) listen();
    else ask();
  }
  function say(words) {
    const place = document.querySelector("[data-live-state]");
    if (place && place.textContent !== words) place.textContent = words;
  }
  function alive() {
    fails = 0;
    say("live");
    later(failed, SILENT);
  }
  function listen() {
    stop();
    source = new EventSource("/live?since=" + cursor);
    later(failed, FIRST); /* what stands between may hold the stream back */
    source.addEventListener("ping", alive);
    source.addEventListener("message", function (event) { alive(); take(JSON.parse(event.data)); });
    source.addEventListener("ended", end);
    source.addEventListener("error", failed);
  }
  /* ended by a restart, refused or cut: all pages at once would come back in the same moment */
  function failed() {
    stop();
    fails += 1;
    later(ask, Math.random() * Math.min(MAX_PAUSE, 2500 * Math.pow(2, fails)));
  }
  function ask() {
    stop();
    fetch("/live?since=" + cursor, { cache: "no-store", redirect: "manual", headers: { "If-None-Match": tag, "Live-Refresh": "yes" } }).then(function (answer) {
      if (answer.status === 401) { end(); return null; }
      if (answer.status !== 200 && answer.status !== 304) throw new Error("no answer");
      tag = answer.headers.get("ETag") || tag;
      return answer.status === 200 ? answer.json() : null;
    }).then(function (news) {
      if (ended || document.hidden) return;
      if (news) { room = news.stream; take(news); }
      asked += 1;
      if (asked % 10 === 0) { fails = 0; room = true; } /* a stream may be possible again */
      if (page.updates === "live" && window.EventSource && room && fails < TRIES) { listen(); return; }
      say(_("every 30 s"));
      later(ask, EVERY * (0.8 + 0.4 * Math.random()));
    }).catch(function () {
      say(_("connection lost, trying again"));
      failed();
    });
  }
  function end() {
    ended = true;
    stop();
    say("ended");
    const link = document.createElement("a");
    link.className = "button slim";
    link.href = "/login?next=" + encodeURIComponent(window.location.pathname + window.location.search);
    link.textContent = _("Log in");
    tell(_("Your session has expired. Your text is still here."), link);
  }
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) { stop(); return; }
    age();
    start();
  });
  window.addEventListener("pageshow", function (event) { if (event.persisted) start(); });

  /* ---- what changed ---- */
  const tickets = new Map(); /* number: newest version, how many changes, up to which place of the log */
  let many = 0, checked = new Map(), asking = 0, lastAsked = 0;
  function take(news) {
    const kinds = new Set(news.many);
    cursor = news.cursor;
    if (kinds.has("ticket")) many = cursor;
    news.changes.forEach(function (change) {
      kinds.add(change[0]);
      if (change[0] !== "ticket") return;
      const before = tickets.get(change[1]);
      tickets.set(change[1], { version: change[2], count: change[3] + (before ? before.count : 0), at: cursor });
      checked.delete(change[1]);
    });
    document.querySelectorAll("[data-live]").forEach(function (part) {
      if (part.dataset.live.split(" ").some(function (kind) { return kinds.has(kind); })) due.add(part.id);
    });
    if (due.size && !waiting) waiting = window.setTimeout(refresh, 500 * Math.random());
    announce();
  }

  /* ---- parts that are fetched again ---- */
  const due = new Set(), done = new Map();
  let waiting = 0;
  function inUse(part) {
    const chosen = window.getSelection();
    return part.contains(document.activeElement) || (!chosen.isCollapsed && part.contains(chosen.anchorNode));
  }
  function refresh() {
    waiting = 0;
    due.forEach(function (id) {
      const part = document.getElementById(id);
      if (!part) due.delete(id);
      if (!part || ended || document.hidden || inUse(part) || Date.now() - (done.get(id) || 0) < GAP) return;
      due.delete(id);
      done.set(id, Date.now());
      window.htmx.trigger(part, "live");
    });
    if (due.size) waiting = window.setTimeout(refresh, 1000);
  }
  function byItself(event) {
    const by = (event.detail.requestConfig || event.detail).triggeringEvent;
    return Boolean(by) && by.type === "live";
  }
  function nameOf(box) { return box.name + "=" + box.value; }
  document.addEventListener("htmx:configRequest", function (event) {
    if (byItself(event)) event.detail.headers["Live-Refresh"] = "yes";
  });
  let scrolled = [], picked = [];
  document.addEventListener("htmx:beforeSwap", function (event) {
    scrolled = picked = [];
    if (!byItself(event)) return;
    if (event.detail.xhr.status === 401) end();
    if (event.detail.xhr.status !== 200) { event.detail.shouldSwap = false; return; }
    scrolled = Array.from(event.detail.target.querySelectorAll("[tabindex='0']"), function (one) { return one.scrollLeft; });
    picked = Array.from(event.detail.target.querySelectorAll("[type=checkbox]:checked"), nameOf);
  });
  document.addEventListener("htmx:afterSettle", function (event) {
    if (scrolled.length) event.detail.elt.querySelectorAll("[tabindex='0']").forEach(function (one, at) { one.scrollLeft = scrolled[at] || 0; });
    if (picked.length) event.detail.elt.querySelectorAll("[type=checkbox]").forEach(function (one) {
      if (!picked.includes(nameOf(one))) return;
      one.checked = true;
      one.dispatchEvent(new Event("change", { bubbles: true }));
    });
    scrolled = picked = [];
    if (event.detail.target.id === "list") checked = new Map();
    age();
    announce();
  });

  /* ---- what is announced, and shown when one asks for it ---- */
  function tell(words, control) {
    bar.hidden = !words;
    bar.querySelector("span").textContent = words;
    const old = bar.querySelector(".button");
    if (old && old !== control) old.remove();
    if (control && old !== control) bar.append(control);
  }
  const button = document.createElement("button");
  button.className = "button slim";
  button.type = "button";
  button.textContent = _("Show");
  button.addEventListener("click", show);
  function numbersOf(list) {
    return new Set(Array.from(list.querySelectorAll("a.title"), function (one) { return Number(one.pathname.split("/").pop()); }));
  }
  function newOnTicket(ticket) {
    const one = tickets.get(Number(ticket.dataset.number)), shown = Number(ticket.dataset.version);
    return one && one.version > shown ? Math.min(one.count, one.version - shown) : 0;
  }
  function newOnList(list) {
    const since = Number(list.dataset.cursor), shown = numbersOf(list), unknown = [];
    let count = 0;
    tickets.forEach(function (one, number) {
      if (one.at <= since) return;
      if (shown.has(number) || checked.get(number)) count += one.count;
      else if (!checked.has(number)) unknown.push(number);
    });
    if (unknown.length && !asking) asking = window.setTimeout(check, Math.max(1000 * Math.random(), lastAsked + GAP - Date.now()), unknown.slice(0, MAX_ASKED));
    return count;
  }
  /* whether tickets that are not on this page belong into the list */
  function check(numbers) {
    const query = new URLSearchParams(window.location.search);
    numbers.forEach(function (number) { query.append("n", number); });
    lastAsked = Date.now();
    fetch("/tickets/changed?" + query, { cache: "no-store", redirect: "manual", headers: { "Live-Refresh": "yes" } }).then(function (answer) {
      if (answer.status !== 200) throw new Error("no answer");
      return answer.json();
    }).then(function (found) {
      numbers.forEach(function (number) { checked.set(number, found.includes(number)); });
    }).catch(function () { /* asked again with what comes next */ }).finally(function () {
      asking = 0;
      announce();
    });
  }
  function announce() {
    if (ended || document.querySelector("#ticket.htmx-request, #ticket .htmx-request")) return; /* its own change is on the way */
    const ticket = document.querySelector("#ticket[data-version]"), list = document.querySelector("#list[data-cursor]");
    const count = ticket ? newOnTicket(ticket) : list ? newOnList(list) : 0;
    const since = Number((ticket || list || { dataset: {} }).dataset.cursor);
    if (count) tell(count === 1 ? _("%(count)s new change", { count: count }) : _("%(count)s new changes", { count: count }), button);
    else if (many > since) tell(_("Many changes"), button);
    else tell("", null);
  }
  function show() {
    const part = document.querySelector("#ticket[data-version], #list[data-cursor]");
    if (!part) return;
    const id = part.id, version = Number(part.dataset.version), since = Number(part.dataset.cursor), at = document.activeElement;
    const used = part.contains(at) && at.matches("a.title") && at.pathname;
    const picked = Array.from(part.querySelectorAll("[name=n]:checked"), function (one) { return one.value; });
    const address = part.dataset.number ? "/tickets/" + part.dataset.number : "/tickets" + window.location.search;
    window.htmx.ajax("GET", address, { source: button, target: "#" + id, swap: "outerHTML" }).then(function () {
      const now = document.getElementById(id);
      now.querySelectorAll("[name=n]").forEach(function (one) {
        if (picked.includes(one.value)) { one.checked = true; one.dispatchEvent(new Event("change", { bubbles: true })); }
      });
      const titles = Array.from(now.querySelectorAll("a.title"));
      titles.forEach(function (one) {
        const change = tickets.get(Number(one.pathname.split("/").pop()));
        if (change && change.at > since) one.closest("tr").classList.add("fresh");
      });
      const fresh = Array.from(now.querySelectorAll("#timeline > li")).filter(function (one) { return Number(one.id.slice(1)) > version; });
      fresh.forEach(function (one) { one.classList.add("fresh"); });
      if (document.activeElement !== document.body) return; /* the keyboard is where one writes */
      const to = fresh[0] || titles.find(function (one) { return one.pathname === used; }) || now;
      if (!to.matches("a")) to.tabIndex = -1;
      to.focus({ preventScroll: to === now });
    });
  }

  start();
})();
