/* Tables sort by a click on a column's title; Enter and the space bar do the same. */
"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.v ?? cell.textContent.replace(/[\u202f\u00a0]/g, "").replace(/^\u2212/, "-");
    const number = parseFloat(text);
    return Number.isNaN(number) ? (cell.dataset.v ?? cell.textContent.trim()).toLowerCase() : number;
  };
  const order = (a, b) => {
    const missing = (k) => k === "" || k === "\u2013";
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (head.classList.contains("chart") || !head.textContent.trim()) return;
    const sort = () => {
      const up = head.ariaSort === "descending";
      for (const other of table.tHead.rows[0].cells) other.ariaSort = null;
      head.ariaSort = up ? "ascending" : "descending";
      const rows = [...body.rows].map((row) => [key(row, column), row]);
      rows.sort(([a], [b]) => {
        const gone = (k) => k === "" || k === "\u2013";
        return gone(a) || gone(b) || up ? order(a, b) : order(b, a);
      });
      body.append(...rows.map(([, row]) => row));
    };
    head.tabIndex = 0;
    head.title ||= "sort";
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
    });
  });
}
