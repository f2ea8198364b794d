/* Arrow keys, Home and End move between the links of a table that is marked with data-grid-keys: a
   grid of sites and quarters is too large to be walked through with Tab alone. */
(function () {
  "use strict";
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const cell = event.target.closest?.("[data-grid-keys] :is(td, th)");
    if (!cell || event.target.tagName !== "A") return;
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -1], End: [0, 1] };
    const step = steps[event.key];
    if (!step) return;
    const rows = [...cell.closest("table").rows];
    let row = rows.indexOf(cell.parentElement), place = cell.cellIndex, found = null;
    for (;;) {
      row += step[0];
      place += step[1];
      const next = rows[row]?.cells[place];
      if (!next) break;
      const link = next.querySelector("a");
      if (!link) continue;
      found = link;
      if (event.key !== "Home" && event.key !== "End") break;
    }
    if (!found) return;
    event.preventDefault();
    found.focus();
  });
})();
