// What the tests ask of JupyterLab, by way of the application object that it exposes.
window.hacked = [];  // where a hostile text that runs leaves its name
window.lab = {
  panel() {
    const { shell } = jupyterapp;
    const open = [shell.currentWidget, ...shell.widgets("main")];
    return open.find((widget) => widget?.content && widget.sessionContext);
  },

  ready() {
    const panel = window.jupyterapp && this.panel();
    const context = panel?.sessionContext;
    const kernel = context?.session?.kernel;
    return Boolean(
      panel?.context.isReady && context.isReady && panel.content.widgets.length &&
      kernel?.connectionStatus === "connected" && kernel.status === "idle");
  },

  codeCells() {
    return this.panel().content.widgets.filter((cell) => cell.model.type === "code");
  },

  idle() {
    return this.ready() && this.codeCells().every((cell) =>
      cell.model.executionState !== "running" &&
      !cell.node.querySelector(".jp-InputPrompt").textContent.includes("*"));
  },

  // JupyterLab says that it ran all cells when one has failed that may, and goes on. So whether
  // it is through is asked of the cells. One that failed and may not ends the run.
  finished() {
    const all = this.codeCells().map((cell) => cell.model.toJSON());
    const mayFail = (cell) => cell.metadata.tags?.includes("raises-exception");
    const failed = (cell) => cell.outputs.some((output) => output.output_type === "error");
    return this.idle() && (all.every((cell) => cell.execution_count || !cell.source.length) ||
      all.some((cell) => failed(cell) && !mayFail(cell)));
  },

  // To be asked again and again: whether nothing has run for so many seconds.
  idleFor(seconds) {
    if (!this.idle()) this.idleSince = null;
    else this.idleSince ??= performance.now();
    return this.idleSince !== null && performance.now() - this.idleSince > 1000 * seconds;
  },

  // Starts a command; `result` is null until it ends. So the time limit is the caller's.
  start(command, argument) {
    this.result = null;
    jupyterapp.shell.activateById(this.panel().id);
    jupyterapp.commands.execute(command, argument).then(
      () => { this.result = "done"; },
      (error) => { this.result = String(error); });
  },

  restart() {
    return this.panel().sessionContext.session.kernel.restart();
  },

  cells() {
    return this.panel().content.widgets.map((cell) => cell.model.toJSON());
  },

  // Each part that scrolls sideways, and by how many pixels: of an output, or the notebook.
  // A list box counts as a table.
  tooWide() {
    const notebook = this.panel().node.querySelector(".jp-WindowedPanel-outer");
    const found = [[null, notebook]];
    this.panel().content.widgets.forEach((cell, number) => {
      const inside = ".jp-OutputArea-output, .jp-OutputArea-output *";
      cell.node.querySelectorAll(inside).forEach((element) => found.push([number, element]));
    });
    return found
      .filter(([, element]) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX))
      .map(([cell, element]) => ({
        cell,
        pixels: element.scrollWidth - element.clientWidth,
        table: element.matches(":is(table, select, :has(table))"),
      }))
      .filter(({ pixels }) => pixels > 1);
  },

  // What no output or page of ours may hold: it runs code, asks another machine, or hides where it
  // leads. A link that shows its address is JupyterLab's own work, on addresses in plain text.
  suspects(within) {
    const bad = [
      "script, iframe, object, embed, link, base, meta, form, [autofocus], svg a",
      "[onload], [onerror], [onfocus], [onmouseover], [onclick]",
      "a[href^='javascript:' i], a[href*='elsewhere'], [style*='elsewhere']",
      "img:not([src^='data:'], [src^='blob:'])",
    ].join();
    return [...document.querySelectorAll(bad)]
      .filter((element) => element.closest(within))
      .filter((element) => !element.textContent.startsWith("http://"))
      .map((element) => element.outerHTML.slice(0, 200));
  },

  openAll() {
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
  },

  // What has the focus: its label, the text of a button, or else the classes of its widget.
  focused() {
    const element = document.activeElement;
    const label = element.labels?.[0]?.textContent || element.getAttribute("aria-label");
    const text = element.matches("select") ? "" : element.textContent.trim().slice(0, 40);
    return label || text || element.closest(".jupyter-widgets")?.className || element.tagName;
  },

  // Texts of outputs with less contrast than 4.5 to 1 (WCAG 2, level AA).
  faint() {
    const parse = (color) => (color.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    const over = ([r, g, b, a = 1], below) =>
      [r, g, b].map((channel, n) => channel * a + below[n] * (1 - a));
    const background = (element) => element
      ? over(parse(getComputedStyle(element).backgroundColor), background(element.parentElement))
      : [255, 255, 255];
    const luminance = (color) => color
      .map((channel) => channel / 255)
      .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
    const contrast = (element) => {
      const below = background(element);
      const text = over(parse(getComputedStyle(element).color), below);
      const [dark, light] = [luminance(text), luminance(below)].sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    };
    const holdsText = (element) => element.checkVisibility() && !element.matches("[role=img]") &&
      [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    return [...document.querySelectorAll(".jp-OutputArea-output *")]
      .filter((element) => holdsText(element) && contrast(element) < 4.5)
      .map((element) => `${contrast(element).toFixed(1)}: ${element.textContent.trim().slice(0, 60)}`);
  },
};
