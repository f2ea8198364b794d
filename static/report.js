/* A quarterly report that is being written: what is not saved yet, what others wrote, an ended
   login. htmx saves the fields; without this file the form's own button does. */
(function () {
  "use strict";
  let leaving = false;

  function fieldOf(element) {
    return element && element.closest ? element.closest("[data-report] [data-field]") : null;
  }
  function inputsOf(field) {
    return Array.from(field.querySelectorAll("[name]")).filter(function (one) { return one.name === field.dataset.field; });
  }
  function valueOf(field) {
    const inputs = inputsOf(field);
    const radio = inputs.find(function (one) { return one.type === "radio"; });
    const checked = inputs.find(function (one) { return one.checked; });
    return radio ? (checked ? checked.value : "") : inputs.length ? inputs[0].value : "";
  }
  function setValue(field, text) {
    inputsOf(field).forEach(function (one) {
      if (one.type === "radio") one.checked = one.value === text;
      else one.value = text;
    });
  }
  function seen(field) {
    const version = field.querySelector('[name="seen.' + field.dataset.field + '"]');
    return version ? Number(version.value) : 0;
  }
  /* words under the field, beside the version that it keeps */
  function tell(field, kind, text, link) {
    const place = field.querySelector(".field-standing");
    place.querySelectorAll("p, .report-conflict").forEach(function (one) { one.remove(); });
    const line = document.createElement("p");
    line.className = kind;
    line.textContent = text;
    if (link) {
      const there = document.createElement("a");
      there.href = link;
      there.target = "_blank";
      there.textContent = _("Log in in another tab");
      line.append(" ", there, _("; it is saved when you come back."));
    }
    place.append(line);
  }

  /* ---- fields that belong to the report's form where no script runs are sent by themselves here ---- */
  function untie(root) {
    root.querySelectorAll("[data-tied]").forEach(function (one) {
      ["form", "formaction", "formenctype", "formnovalidate", "data-tied"].forEach(function (name) { one.removeAttribute(name); });
    });
  }
  untie(document);
  document.addEventListener("htmx:load", function (event) { untie(event.detail.elt); });

  /* ---- how much is answered ---- */
  function count() {
    const bar = document.getElementById("report-progress");
    if (!bar) return;
    const needed = Array.from(document.querySelectorAll("[data-report] [data-needed]"));
    const done = needed.filter(function (one) {
      return valueOf(one.matches("[data-field]") ? one : one.querySelector("[data-field]")).trim();
    }).length;
    bar.querySelector("[data-done]").textContent = done;
    bar.querySelector(".part").setAttribute("width", 100 * done / needed.length);
  }
  document.addEventListener("htmx:load", count);

  /* ---- saving ---- */
  ["input", "change"].forEach(function (kind) {
    document.addEventListener(kind, function (event) {
      const field = fieldOf(event.target);
      if (!field || event.target.name !== field.dataset.field) return;
      field.dataset.unsaved = "yes";
      showMine(field);
      count();
    }, true);
  });
  /* of two texts to choose from, mine is what the field holds by now */
  function showMine(field) {
    const mine = field && field.querySelector("[data-mine]");
    if (mine) mine.textContent = valueOf(field) || _("nothing");
  }
  document.addEventListener("htmx:load", function (event) { showMine(fieldOf(event.detail.elt)); });
  document.addEventListener("htmx:beforeSend", function (event) {
    const field = fieldOf(event.detail.elt);
    if (field && event.detail.requestConfig.verb === "post") field.dataset.sent = valueOf(field);
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    /* a button of a choice is gone by now; what it stood in is told instead */
    const field = fieldOf(event.detail.elt) || fieldOf(event.target);
    if (!field || event.detail.requestConfig.verb !== "post") return;
    const status = event.detail.xhr.status;
    if (status === 200) {
      delete field.dataset.failed;
      if (valueOf(field) === field.dataset.sent) settle(field);
    } else if (status !== 204 && status !== 409 && status !== 422) {
      field.dataset.failed = "yes";
      tell(field, "error", status
        ? _("Not saved: the portal responded with error %(status)s. Your text stays here and is sent again.", { status: status })
        : _("Not saved: the portal cannot be reached. Your text stays here and is sent again."));
    }
  });
  function settle(field) {
    delete field.dataset.unsaved;
    const offered = field.querySelector(".carried");
    if (offered && valueOf(field)) offered.remove();
  }

  /* after a choice, the focus returns to the field in which the person was writing */
  let chosen = "";
  document.addEventListener("htmx:beforeRequest", function (event) {
    const field = event.detail.elt.matches("button") && fieldOf(event.detail.elt);
    if (field) chosen = field.id;
  });
  document.addEventListener("htmx:afterSettle", function () {
    const field = chosen && document.getElementById(chosen);
    chosen = "";
    if (field && document.activeElement === document.body) inputsOf(field)[0].focus();
  });

  /* ---- a login that ended: nothing is left, nothing is lost ---- */
  document.addEventListener("htmx:beforeOnLoad", function (event) {
    const to = event.detail.xhr.getResponseHeader("HX-Redirect") || "";
    const form = document.querySelector("[data-report]");
    if (!form || to.split("?")[0] !== "/login") return;
    event.preventDefault();
    const field = fieldOf(event.detail.elt);
    if (!field) return;
    field.dataset.failed = "yes";
    tell(field, "error", _("Not saved: your session has ended. Your text stays here."), to);
  });

  /* ---- an answer of an earlier quarter ---- */
  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-carries]");
    if (!button) return;
    event.preventDefault();
    const field = document.getElementById(button.dataset.carries);
    setValue(field, button.parentNode.querySelector(".earlier").textContent);
    const first = inputsOf(field).find(function (one) { return one.type !== "radio" || one.checked; });
    first.dispatchEvent(new Event("change", { bubbles: true }));
    first.focus();
  });

  /* ---- what others wrote, and what could not be saved before ---- */
  document.addEventListener("htmx:confirm", function (event) {
    const asks = event.detail.elt;
    if (asks.id === "report-changes" && document.hidden) event.preventDefault();
    /* while two texts are there to be chosen from, only the choice is sent */
    if (asks.matches("[data-report] [data-field]") && asks.querySelector(".report-conflict")) event.preventDefault();
  });
  document.addEventListener("htmx:load", function (event) {
    if (event.detail.elt.id !== "report-changes") return;
    event.detail.elt.querySelectorAll("template").forEach(function (news) {
      const field = document.getElementById(news.dataset.for);
      if (!field || seen(field) >= Number(news.dataset.version)) return;
      const writes = field.dataset.unsaved || field.contains(document.activeElement);
      if (writes) {
        if (!field.querySelector(".report-conflict"))
          tell(field, "waiting", _("%(who)s edited this at %(when)s UTC. Your text is compared with theirs when it is saved.", { who: news.dataset.by, when: news.dataset.at }));
        return;
      }
      const made = news.content.firstElementChild.cloneNode(true);
      made.classList.add("fresh");
      field.replaceWith(made);
      window.htmx.process(made);
      const line = made.querySelector(".field-standing p");
      if (line) line.textContent = _("%(who)s edited this at %(when)s UTC", { who: news.dataset.by, when: news.dataset.at });
    });
    document.querySelectorAll("[data-report] [data-failed]").forEach(function (field) {
      delete field.dataset.failed;
      window.htmx.trigger(field, "change");
    });
  });
  function ask() {
    const changes = document.getElementById("report-changes");
    if (changes && !document.hidden) window.htmx.trigger(changes, "report-ask");
  }
  window.addEventListener("focus", ask);
  document.addEventListener("visibilitychange", ask);

  /* ---- leaving with something that is not saved ---- */
  document.addEventListener("submit", function (event) {
    if (!event.defaultPrevented) leaving = true;  // what htmx sends leaves nowhere
  });
  window.addEventListener("beforeunload", function (event) {
    const waits = document.querySelector("[data-report] [data-unsaved], .typed[data-unsaved]");
    if (waits && !leaving) event.preventDefault();
  });
})();
