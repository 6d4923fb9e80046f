// Brings each widget of a page to life: an element with data-widget="name" is handed to what name.js exports as `bind`.
for (const element of document.querySelectorAll("[data-widget]")) {
  import(`./${element.dataset.widget}.js`).then(({ bind }) => bind(element));
}
