/* What htmx does not do: closing of panels, moving of items, the keyboard's place in what is opened, combo boxes for sites and links,
   the computed length of a period, dropping of files, the progress of an upload, the keyboard's
   place in what is replaced, and the warning before typed text is lost. Every page works without this file. */
(function () {
  "use strict";

  /* ---- texts in the reader's language (app/core/web/scripts.py brings those that are not English) ---- */
  const texts = window.portalTexts || {};
  window._ = function (text, values) {
    return (texts[text] || text).replace(/%\((\w+)\)s/g, function (_all, name) { return values[name]; });
  };

  /* ---- closing of panels ---- */
  document.addEventListener("keydown", function (event) {
    const at = event.target;
    if (event.key === "Escape") {
      const open = at.closest("details[data-closes][open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); }
    }
  });
  document.addEventListener("click", function (event) {
    document.querySelectorAll("details[data-closes][open]").forEach(function (panel) {
      if (!panel.contains(event.target)) panel.open = false;
    });
  });

  /* ---- what is opened to write in has the keyboard at once ---- */
  document.addEventListener("click", function (event) {
    const summary = event.target.closest("[data-asks] > summary"), asks = summary && summary.parentNode;
    if (!asks || asks.open || event.defaultPrevented) return;
    event.preventDefault(); /* opened here: the browser does it later, and a key may come between */
    asks.open = true;
    asks.querySelector("input:not([type=hidden]), textarea, select").focus();
  });

  /* ---- items of a list that are moved one place ---- */
  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-ordered] [data-move]");
    if (!button) return;
    event.preventDefault();
    const item = button.closest("li"), up = button.dataset.move === "up";
    const other = up ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (up) item.after(other); else item.before(other); /* the other one moves: this one keeps the keyboard */
    item.scrollIntoView({ block: "nearest" });
  });

  /* columns that are not shown have no buttons for it: those of the first one, with their own key and word */
  function movable(list) {
    const first = list.querySelector(".one-place"), word = function (item) { return item.querySelector("label").textContent.trim(); };
    list.querySelectorAll("li").forEach(function (item) {
      if (item.querySelector(".one-place")) return;
      const own = first.cloneNode(true), was = word(first.closest("li"));
      own.querySelectorAll("[data-move]").forEach(function (button) {
        button.value = button.dataset.move + ":" + item.querySelector("[type=checkbox]").value;
        button.setAttribute("aria-label", button.getAttribute("aria-label").replace(was, function () { return word(item); }));
      });
      item.append(own);
    });
  }

  /* ---- copying a secret that is shown once ---- */
  document.querySelectorAll("[data-copies]").forEach(function (button) {
    const field = document.getElementById(button.dataset.copies);
    button.hidden = false;
    button.addEventListener("click", function () {
      field.select();
      const done = function () { button.textContent = _("Copied"); };
      if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(done, function () {});
      else if (document.execCommand("copy")) done();
    });
  });

  /* ---- combo box over a select multiple ---- */
  let serial = 0;
  function element(name, attributes, text) {
    const made = document.createElement(name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function cross() {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", "#i-cross");
    svg.append(use);
    return svg;
  }
  /* which of an option's names holds what was typed, best first: begins, then contains */
  function match(option, typed) {
    const names = [option.value].concat((option.dataset.names || "").split("|").filter(Boolean));
    const wanted = typed.toLowerCase();
    let found = null;
    for (const name of names) {
      const at = name.toLowerCase().indexOf(wanted);
      if (at === 0) return { name: name, at: 0, rank: name === option.value ? 0 : 1 };
      if (at > 0 && !found) found = { name: name, at: at, rank: 2 };
    }
    return found;
  }
  function combo(select) {
    if (select.dataset.ready) return;
    select.dataset.ready = "yes";
    const namesIn = document.getElementById(select.dataset.namesIn); /* a list with the same options */
    if (namesIn) [...select.options].forEach(function (option, at) { option.dataset.names = namesIn.options[at].dataset.names; });
    const number = ++serial;
    const label = document.querySelector('label[for="' + select.id + '"]');
    const box = element("div", { class: "combo-box" });
    const list = element("ul", { class: "combo-list", role: "listbox", id: "combo-list-" + number, hidden: "" });
    const input = element("input", {
      type: "text", role: "combobox", id: select.id + "-search", autocomplete: "off",
      "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": list.id,
    });
    list.setAttribute("aria-label", label ? label.firstChild.textContent.trim() : select.name);
    if (label) label.htmlFor = input.id;
    else input.setAttribute("aria-label", select.name);
    if (select.hasAttribute("aria-describedby")) input.setAttribute("aria-describedby", select.getAttribute("aria-describedby"));
    input.placeholder = select.dataset.combo === "site" ? _("Site name or alias") : _("Link id or site at either end");
    const whole = element("div", { class: "combo" });
    select.before(whole);
    whole.append(box, list, select);
    select.hidden = true;
    const status = element("span", { class: "visually-hidden", role: "status" });
    whole.append(status);
    let active = -1;

    function chips() {
      box.querySelectorAll(".chip").forEach(function (chip) { chip.remove(); });
      for (const option of select.selectedOptions) {
        const chip = element("span", { class: "chip" });
        chip.append(element("span", { class: "value mono" }, option.value));
        chip.firstChild.classList.add("what");
        const remove = element("button", { type: "button", "aria-label": _("Remove %(name)s", { name: option.value }) });
        remove.append(cross());
        remove.addEventListener("click", function () { option.selected = false; changed(); input.focus(); });
        chip.append(remove);
        input.before(chip);
      }
    }
    function changed() {
      chips();
      select.dispatchEvent(new Event("change", { bubbles: true }));
    }
    function close() {
      list.hidden = true; active = -1;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }
    function choose(option) {
      option.selected = true; input.value = ""; close(); changed();
      status.textContent = _("%(name)s selected", { name: option.value });
    }
    function mark(index) {
      const items = list.querySelectorAll("[role=option]");
      if (!items.length) return;
      active = (index + items.length) % items.length;
      items.forEach(function (item, at) { item.setAttribute("aria-selected", at === active ? "true" : "false"); });
      items[active].scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", items[active].id);
    }
    function show() {
      list.replaceChildren();
      const typed = input.value.trim();
      const hits = Array.from(select.options).filter(function (option) { return !option.selected; })
        .map(function (option) { return { option: option, hit: match(option, typed) }; })
        .filter(function (entry) { return entry.hit; })
        .sort(function (one, other) { return one.hit.rank - other.hit.rank; }).slice(0, 60);
      hits.forEach(function (entry, at) {
        const item = element("li", { role: "option", id: list.id + "-" + at, "aria-selected": "false" });
        item.append(element("span", { class: "mono" }, entry.option.value));
        if (typed && entry.hit.name !== entry.option.value) {
          const alias = element("span", { class: "alias" }, _("also") + " ");
          alias.append(entry.hit.name.slice(0, entry.hit.at),
            element("mark", {}, entry.hit.name.slice(entry.hit.at, entry.hit.at + typed.length)),
            entry.hit.name.slice(entry.hit.at + typed.length));
          item.append(alias);
        }
        item.addEventListener("mousedown", function (event) { event.preventDefault(); choose(entry.option); input.focus(); });
        list.append(item);
      });
      if (!hits.length) list.append(element("li", { class: "none" }, select.dataset.combo === "site" ? _("No site has this name") : _("No link has this name")));
      list.hidden = false;
      input.setAttribute("aria-expanded", hits.length ? "true" : "false");
      active = -1;
      if (typed && hits.length) mark(0);
    }
    input.addEventListener("input", show);
    input.addEventListener("blur", close);
    input.addEventListener("keydown", function (event) {
      const items = list.querySelectorAll("[role=option]");
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) show();
        mark(active + (event.key === "ArrowDown" ? 1 : -1));
      } else if (event.key === "Enter" && !list.hidden) {
        event.preventDefault();
        if (active >= 0 && items[active]) {
          const name = items[active].firstChild.textContent;
          choose(Array.from(select.options).find(function (option) { return option.value === name; }));
        }
      } else if (event.key === "Escape" && !list.hidden) {
        event.stopPropagation(); close();
      } else if (event.key === "Backspace" && !input.value && select.selectedOptions.length) {
        select.selectedOptions[select.selectedOptions.length - 1].selected = false; changed();
      }
    });
    box.addEventListener("click", function (event) { if (event.target === box) input.focus(); });
    box.append(input);
    select.addEventListener("redraw", chips);
    chips();
    if (select.dataset.proposes) propose(select, whole);
    if (select.autofocus) input.focus();
  }

  /* choosing links proposes the sites at their ends */
  function propose(links, after) {
    const sites = document.getElementById(links.dataset.proposes);
    if (!sites) return;
    const line = element("div", { class: "proposal", "aria-live": "polite" });
    after.append(line);
    links.addEventListener("change", function () {
      const ends = new Set();
      for (const option of links.selectedOptions) (option.dataset.ends || "").split("|").filter(Boolean).forEach(function (end) { ends.add(end); });
      const missing = Array.from(sites.options).filter(function (option) { return ends.has(option.value) && !option.selected; });
      line.replaceChildren();
      if (!missing.length) return;
      const names = missing.map(function (option) { return option.value; });
      line.append(element("span", { class: "quiet" }, _("Sites at the ends of these links:")));
      missing.forEach(function (option) {
        const add = element("button", { type: "button", class: "button slim" }, _("Add %(name)s", { name: option.value }));
        add.addEventListener("click", function () { option.selected = true; sites.dispatchEvent(new Event("redraw")); links.dispatchEvent(new Event("change")); });
        line.append(add);
      });
      if (names.length > 1) {
        const all = element("button", { type: "button", class: "button slim" }, _("Add all"));
        all.addEventListener("click", function () {
          missing.forEach(function (option) { option.selected = true; });
          sites.dispatchEvent(new Event("redraw")); line.replaceChildren();
        });
        line.append(all);
      }
    });
  }

  /* ---- length of a period, from what the portal read of two times ---- */
  function moment(input) {
    const read = document.querySelector("#" + CSS.escape(input.id + "-read") + " time");
    return read && input.value.trim() ? Date.parse(read.dateTime) : null;
  }
  function lengths(pair) {
    const inputs = pair.querySelectorAll("input");
    if (pair.dataset.ready || inputs.length !== 2) return;
    pair.dataset.ready = "yes";
    const line = element("p", { class: "length", role: "status", hidden: "" });
    pair.after(line);
    function tell() {
      const from = moment(inputs[0]), to = moment(inputs[1]);
      line.hidden = from === null || to === null;
      if (line.hidden) return;
      const minutes = Math.round((to - from) / 60000);
      const days = Math.floor(minutes / 1440), hours = Math.floor(minutes % 1440 / 60), rest = minutes % 60;
      line.textContent = minutes < 0 ? _("The end is before the start") :
        _("Length:") + " " + (days ? days + " d " : "") + (hours ? hours + " h " : "") + (rest || !minutes ? rest + " min" : "");
    }
    pair.addEventListener("htmx:afterSettle", tell);
    inputs.forEach(function (input) { input.addEventListener("input", function () { if (!input.value.trim()) tell(); }); });
    tell();
  }
  document.addEventListener("click", function (event) {
    const now = event.target.closest("[data-now]"), input = now && now.previousElementSibling;
    if (!input) return;
    input.value = "now";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  });

  /* ---- typed text is never lost without a question ---- */
  const dirty = new Set();
  document.addEventListener("input", function (event) {
    const form = event.target.closest("form[data-guard]");
    if (form) dirty.add(form);
  });
  document.addEventListener("submit", function (event) { dirty.delete(event.target); });
  window.addEventListener("beforeunload", function (event) {
    for (const form of dirty) if (form.isConnected) { event.preventDefault(); return; }
  });
  /* another part of the page is about to be replaced: keep what is being written there */
  document.addEventListener("htmx:confirm", function (event) {
    const target = event.detail.target, sender = event.detail.elt;
    if (sender.closest("#live")) return; /* what is begun goes along: see below */
    for (const form of dirty) {
      if (form !== sender && target && target.contains(form)) {
        event.preventDefault();
        if (window.confirm(_("Your text has not been sent. Leave the page?"))) { dirty.delete(form); event.detail.issueRequest(true); }
        return;
      }
    }
  });

  /* ---- what is typed while an answer is on its way ---- */
  /* a form that is being sent takes nothing more: the answer would replace it */
  function guarded(sender) {
    return sender.matches("form[data-guard]") ? Array.from(sender.elements).filter(function (one) { return one.matches("textarea, input"); }) : [];
  }
  document.addEventListener("htmx:beforeSend", function (event) {
    guarded(event.detail.elt).forEach(function (one) { one.readOnly = true; });
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    const form = event.detail.elt, fields = guarded(form);
    fields.forEach(function (one) { one.readOnly = false; });
    if (fields.length && form.isConnected && !event.detail.successful) dirty.add(form);
    const sent = event.detail.requestConfig.elt, status = event.detail.xhr.status;
    /* refused, it stands in the form that the answer brought: it is stored no more than before */
    if (guarded(sent).length && (status === 409 || status === 422)) document.querySelectorAll("form[data-guard]").forEach(function (one) {
      if (one.getAttribute("action") === sent.getAttribute("action") && guarded(one).some(holdsText)) dirty.add(one);
    });
  });
  /* whoever is not logged in any more is not led away from what is written here, neither by sending it
     nor by a part of the page that asks by itself */
  document.addEventListener("htmx:beforeOnLoad", function (event) {
    const sent = event.detail.requestConfig.elt, to = event.detail.xhr.getResponseHeader("HX-Redirect") || "";
    if (to.split("?")[0] !== "/login") return;
    if (guarded(sent).some(holdsText)) dirty.add(sent);
    if (!Array.from(dirty).some(function (form) { return form.isConnected; })) return;
    event.preventDefault();
    const notice = element("div", { class: "notice waiting", role: "alert" }), line = element("p", {}, "Your session has expired. Your text is still here. ");
    line.append(element("a", { href: to }, "Log in"));
    notice.append(line);
    document.getElementById("notices").replaceChildren(notice);
  });
  function holdsText(field) {
    return field.matches("textarea, input:not([type]), input[type=text]") && field.value.trim() !== "";
  }
  /* what is begun in another form goes along into what replaces it */
  let begun = [];
  function around(field) {
    const known = field.parentNode.closest("[id]");
    return known ? "#" + CSS.escape(known.id) + " " : "";
  }
  document.addEventListener("htmx:beforeSwap", function (event) {
    const target = event.detail.target, sender = event.detail.requestConfig.elt;
    begun = [];
    dirty.forEach(function (form) {
      if (!event.detail.shouldSwap || form === sender || !target || !target.contains(form)) return;
      const version = form.querySelector("input[name=version]");
      guarded(form).forEach(function (field) {
        if (!field.id || field.value === field.defaultValue && field.checked === field.defaultChecked) return;
        begun.push({
          at: around(field) + "#" + CSS.escape(field.id), value: field.value, checked: field.checked,
          over: field.defaultValue, version: version && version.value, text: holdsText(field) && field.value,
          used: field === document.activeElement, place: field.matches("textarea") && [field.selectionStart, field.selectionEnd],
        });
      });
    });
  });
  document.addEventListener("htmx:afterSettle", function () {
    begun.splice(0).forEach(function (was) {
      const field = document.querySelector(was.at);
      if (!field || !field.form) {
        if (was.text) keepShown(was.text);
        return;
      }
      const version = field.form.querySelector("input[name=version]");
      /* somebody else wrote there meanwhile: what was begun over the text of before is a conflict */
      if (was.version && version && field.defaultValue !== was.over) version.value = was.version;
      field.value = was.value;
      field.checked = was.checked;
      for (let panel = field.closest("details"); panel; panel = panel.parentNode.closest("details")) panel.open = true;
      if (was.used) { /* in a panel that came closed nothing could have the keyboard */
        field.focus({ preventScroll: true });
        if (was.place) field.setSelectionRange(was.place[0], was.place[1]);
      }
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  });
  function keepShown(text) {
    const notice = element("div", { class: "notice waiting", role: "alert" }), body = element("div");
    body.append(element("p", {}, _("Your text no longer fits on this page. Copy it from here:")), element("div", { class: "prose" }, text));
    notice.append(body);
    document.getElementById("notices").append(notice);
  }

  /* ---- the way back to a list that "Show more" made longer: as many rows, the same place ---- */
  const back = history.state || {};
  let asked = null;
  function keep(what) {
    history.replaceState(Object.assign({}, history.state, what), "");
  }
  function lengthen() {
    const rows = document.querySelectorAll("#list tbody tr:not(.more)").length;
    const more = document.querySelector("#more a");
    if (more && more !== asked && rows < (back.rows || 0)) {
      asked = more;
      more.click();
    } else if (back.place && rows >= back.rows) {
      window.scrollTo(0, back.place);
      back.place = 0;
    }
  }
  document.addEventListener("htmx:afterSettle", function (event) {
    if (event.detail.target.id !== "more") return;
    const rows = document.querySelectorAll("#list tbody tr:not(.more)").length;
    if (rows !== (history.state || {}).rows) keep({ rows: rows });
    lengthen();
  });
  document.addEventListener("click", function (event) {
    if (event.target.closest("#list a.title") && (history.state || {}).rows) keep({ place: window.scrollY });
  }, true);
  window.addEventListener("load", lengthen);

  /* ---- on one column the facts stand before the story: folded, unless something there is wrong ---- */
  const narrow = window.matchMedia("(max-width: 1099px)");
  function fold(panel) {
    if (!panel.querySelector("[aria-invalid]")) panel.open = false;
  }

  /* ---- where a part of the page was used, the keyboard stays there when htmx replaces it ---- */
  let used = "";
  function part(of) {
    return of.closest("section, details.group");
  }
  document.addEventListener("htmx:beforeSwap", function (event) {
    const by = event.detail.requestConfig.elt;
    const at = !by.closest("[data-field]") && part(by); /* a field that saves itself replaces nothing that is used */
    used = at && at.querySelector("h2[id]") ? at.querySelector("h2[id]").id : "";
  });
  document.addEventListener("htmx:afterSettle", function () {
    const heading = used && document.getElementById(used);
    used = "";
    if (!heading) return;
    if (part(heading).matches("details")) part(heading).open = true;
    if (document.activeElement !== document.body) return;
    const wrong = part(heading).querySelector("[aria-invalid=true]");
    heading.tabIndex = -1;
    (wrong || heading).focus({ preventScroll: !wrong });
  });

  /* ---- attachments: dropping files, what was chosen, how far the upload is ---- */
  function size(bytes) {
    return bytes < 1024 ? bytes + " bytes" : bytes < 1048576 ? Math.ceil(bytes / 1024) + " KiB" : Number((bytes / 1048576).toFixed(2)) + " MiB";
  }
  function upload(form) {
    if (form.dataset.ready) return;
    form.dataset.ready = "yes";
    const input = form.querySelector("input[type=file]"), chosen = form.querySelector("[role=status]");
    const each = Number(input.dataset.fileLimit), all = Number(input.dataset.uploadLimit);
    function tell() {
      const files = Array.from(input.files);
      const sum = files.reduce(function (sofar, file) { return sofar + file.size; }, 0);
      const wrong = files.filter(function (file) { return file.size > each || !file.size; }).map(function (file) {
        return file.size ? _("%(name)s has %(size)s; at most %(each)s are allowed", { name: file.name, size: size(file.size), each: size(each) }) : _("%(name)s is empty", { name: file.name });
      });
      if (!wrong.length && sum > all) wrong.push(_("These files have %(sum)s in total; at most %(all)s are allowed at once", { sum: size(sum), all: size(all) }));
      input.setCustomValidity(wrong.join(". "));
      form.classList.toggle("wrong", wrong.length > 0);
      chosen.textContent = wrong.length ? wrong.join(". ") :
        files.length > 1 ? _("%(count)s files, %(sum)s:", { count: files.length, sum: size(sum) }) + " " + files.map(function (file) { return file.name; }).join(", ") :
        files.length ? size(sum) : "";
    }
    input.addEventListener("change", tell);
    form.classList.add("drops");
    const panel = form.closest("details"), zone = panel || form; /* of a ticket without files it is folded */
    let inside = 0;
    function over(by) {
      if (panel && by > 0) panel.open = true;
      inside = by ? Math.max(0, inside + by) : 0;
      form.classList.toggle("over", inside > 0);
    }
    zone.addEventListener("dragenter", function (event) { event.preventDefault(); over(1); });
    zone.addEventListener("dragleave", function () { over(-1); });
    zone.addEventListener("dragover", function (event) { event.preventDefault(); });
    zone.addEventListener("drop", function (event) {
      event.preventDefault();
      over(0);
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      tell();
      form.querySelector("button").focus();
    });
    const progress = form.querySelector("progress");
    form.addEventListener("htmx:beforeSend", function () { progress.value = 0; progress.hidden = false; });
    form.addEventListener("htmx:xhr:progress", function (event) {
      if (event.detail.lengthComputable) progress.value = Math.max(progress.value, 100 * event.detail.loaded / event.detail.total);
    });
    form.addEventListener("htmx:afterRequest", function () { progress.hidden = true; });
  }

  /* ---- set up what is on the page, and what htmx brings ---- */
  /* ---- a free window that is proposed for planned work ---- */
  document.addEventListener("click", function (event) {
    const use = event.target.closest("[data-window]");
    if (!use) return;
    use.dataset.window.split("|").forEach(function (text, at) {
      const field = document.getElementById(at ? "window_end" : "window_start");
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    document.getElementById("window_start").focus();
  });

  function ready(root) {
    root.querySelectorAll("[data-window]").forEach(function (use) { use.hidden = false; });
    root.querySelectorAll("select[data-combo]").forEach(combo);
    root.querySelectorAll("[data-length]").forEach(lengths);
    root.querySelectorAll("[data-now]").forEach(function (button) { button.hidden = false; });
    root.querySelectorAll("form[data-upload]").forEach(upload);
    root.querySelectorAll("[data-ordered] .one-place[hidden]").forEach(function (one) { one.hidden = false; });
    root.querySelectorAll(".column-choices").forEach(movable);
    if (narrow.matches) root.querySelectorAll("details.fold[open]").forEach(fold);
    const jump = root.querySelector("[data-focus]");
    if (jump) jump.focus();
  }
  document.addEventListener("DOMContentLoaded", function () { ready(document); });
  if (document.readyState !== "loading") ready(document);
  document.addEventListener("htmx:load", function (event) { ready(event.detail.elt); });
})();
