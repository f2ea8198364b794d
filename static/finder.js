/* Finding: the box of the bar and the dialog of Ctrl-K propose pages, links, sites, tickets and people
   while one types (htmx brings them). In the box Enter searches for what was typed unless a proposal
   was chosen with the arrow keys; in the dialog the first one is chosen as soon as it is there.
   Without this file the box is a plain search. */
(function () {
  "use strict";
  function finder(form) {
    const input = form.querySelector("input[type=search]"), list = form.querySelector("[role=listbox]");
    const status = form.querySelector("[role=status]"), inDialog = form.dataset.finder === "first";
    let active = -1;

    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", list.id);
    input.setAttribute("aria-expanded", "false");

    function options() { return list.querySelectorAll("[role=option]"); }
    function mark(index) {
      const items = options();
      active = index;
      items.forEach(function (item, at) { item.setAttribute("aria-selected", at === active ? "true" : "false"); });
      if (active < 0) { input.removeAttribute("aria-activedescendant"); return; }
      input.setAttribute("aria-activedescendant", items[active].id);
      items[active].scrollIntoView({ block: "nearest" });
    }
    function open() {
      const count = options().length;
      const shown = count > 0 && document.activeElement === input && input.value.trim() !== "";
      list.hidden = !shown;
      input.setAttribute("aria-expanded", shown ? "true" : "false");
      status.textContent = shown ? (count === 1 ? _("%(count)s suggestion", { count: count }) : _("%(count)s suggestions", { count: count })) : "";
      mark(shown && inDialog ? 0 : -1);
    }
    function close() {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      status.textContent = "";
      mark(-1);
    }
    list.addEventListener("htmx:afterSwap", open);
    /* what is chosen belongs to what was typed before */
    input.addEventListener("input", function () {
      mark(-1);
      if (!input.value.trim()) { list.replaceChildren(); close(); }
    });
    input.addEventListener("blur", close);
    /* an answer that comes after the search was sent must not open the list again */
    form.addEventListener("submit", function (event) {
      if (!input.value.trim()) event.preventDefault();
      list.replaceChildren();
      close();
    });
    input.addEventListener("keydown", function (event) {
      const count = options().length;
      if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
        event.preventDefault();
        if (list.hidden) { open(); if (list.hidden) return; }
        /* between the last and the first lies what was typed */
        const step = event.key === "ArrowDown" ? 1 : -1;
        mark((active + 1 + step + count + 1) % (count + 1) - 1);
      } else if (event.key === "Enter" && !list.hidden && active >= 0) {
        event.preventDefault();
        window.location.assign(options()[active].dataset.href);
      } else if (event.key === "Escape" && !list.hidden && !inDialog) {
        event.preventDefault(); /* else the browser empties the box */
        event.stopPropagation();
        close();
      }
    });
    list.addEventListener("mousedown", function (event) { event.preventDefault(); });
    list.addEventListener("click", function (event) {
      const item = event.target.closest("[role=option]");
      if (item) window.location.assign(item.dataset.href);
    });
  }
  document.querySelectorAll("form[data-finder]").forEach(finder);

  const dialog = document.getElementById("finder");
  if (!dialog) return;
  dialog.addEventListener("click", function (event) { if (event.target === dialog) dialog.close(); });
  document.addEventListener("keydown", function (event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    if (dialog.open) { dialog.close(); return; }
    dialog.showModal();
    const field = dialog.querySelector("input[type=search]");
    field.focus();
    field.select();
  });
})();
