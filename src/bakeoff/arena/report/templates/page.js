(function () {
  var root = document.documentElement, theme = document.getElementById("theme");
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  theme.hidden = false;
  theme.addEventListener("click", function () {
    var now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });
  function unfold() {
    var place = location.hash && document.getElementById(location.hash.slice(1));
    var fold = place && place.closest("details");
    if (fold) { fold.open = true; fold.scrollIntoView(); }
  }
  function unfoldAll() {
    document.querySelectorAll("details").forEach(function (fold) { fold.open = true; });
  }
  document.querySelectorAll(".unfold").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", unfoldAll);
  });
  function number(text) {
    var found = /^[\s=×<>]*(-?[\d,]*\.?\d+(?:e[-+]?\d+)?)/i.exec(text.replace("−", "-"));
    return found ? parseFloat(found[1].replace(/,/g, "")) + (/^\s*</.test(text) ? -1e-9 : /^\s*>/.test(text) ? 1e-9 : 0) : NaN;
  }
  function sortable(table) {
    if (!table.tHead) return;
    var heads = Array.from(table.tHead.rows[0].cells), at = 0, units = [];
    Array.from(table.tBodies).forEach(function (body) {
      if (body.className === "unfinished") return;
      Array.from(body.rows).forEach(function (row) {
        // A remark belongs to the row above it.
        if (row.className === "remark") units[units.length - 1].rows.push(row);
        else units.push({ home: body, rows: [row] });
      });
    });
    if (units.length < 2) return;
    heads.forEach(function (head, place) {
      var column = at;
      at += head.colSpan;
      function sort() {
        var texts = units.map(function (unit) {
          var cell = unit.rows[0].cells[column];
          return cell ? cell.textContent.trim() : "";
        });
        var numbers = texts.map(number), few = numbers.filter(isNaN).length * 2 >= texts.length;
        var now = head.getAttribute("aria-sort"), up = few || head.dataset.sort === "up" || !place;
        if (now !== "none") up = now !== "ascending";
        heads.forEach(function (each) { each.setAttribute("aria-sort", "none"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        var order = units.map(function (_, i) { return i; }).sort(function (a, b) {
          if (few) return (up ? 1 : -1) * texts[a].localeCompare(texts[b]) || a - b;
          if (isNaN(numbers[a]) || isNaN(numbers[b])) return isNaN(numbers[a]) - isNaN(numbers[b]) || a - b;
          return (up ? 1 : -1) * (numbers[a] - numbers[b]) || a - b;
        });
        // Only in the first order do rows of equal rank stand together in their groups.
        var first = order.every(function (i, place) { return i === place; });
        table.classList.toggle("sorted", !first);
        order.forEach(function (i) {
          units[i].rows.forEach(function (row) { (first ? units[i].home : units[0].home).appendChild(row); });
        });
      }
      head.setAttribute("aria-sort", "none");
      head.tabIndex = 0;
      head.addEventListener("click", function (event) { if (!event.target.closest("a")) sort(); });
      head.addEventListener("keydown", function (event) {
        if (event.target === head && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); sort(); }
      });
    });
  }
  document.querySelectorAll(".ranking:not(.prizes), .heat:not(.pairs), .figures, .columns").forEach(sortable);
  window.addEventListener("hashchange", unfold);
  window.addEventListener("beforeprint", unfoldAll);
  unfold();
})();
