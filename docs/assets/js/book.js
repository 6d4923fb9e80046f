// Material puts each copy button into a nav of its own, which would make every snippet a landmark without a name.
new MutationObserver(() => {
  for (const nav of document.querySelectorAll("nav.md-code__nav")) nav.setAttribute("role", "none");
}).observe(document.body, { childList: true, subtree: true });
