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
  window.addEventListener("hashchange", unfold);
  window.addEventListener("beforeprint", unfoldAll);
  unfold();
})();
