// How the chat looks: in a shadow root, so that neither the page's style nor the chat's reaches the other.
export const style = `
:host { all: initial; }
.all {
  --paper: light-dark(#ffffff, #1a2023); --sunk: light-dark(#f3f4f1, #13171a); --line: light-dark(#d8dcd6, #2f383c);
  --edge: light-dark(#767f78, #7f8b90); --ink: light-dark(#18201d, #e7eceb); --soft: light-dark(#535e59, #a6b2b0);
  --accent: light-dark(#0a6558, #55c7b1); --on: light-dark(#ffffff, #05211c); --wash: light-dark(#e0f0ec, #15322d);
  --bad: light-dark(#ae231b, #f5928a);
  color-scheme: light dark; color: var(--ink); font: 15px/1.45 system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif;
  position: fixed; inset-block-end: 1rem; inset-inline-end: 1rem; z-index: 2147483000; text-align: start;
  display: flex; flex-direction: column; align-items: flex-end; gap: .75rem; max-inline-size: calc(100vw - 2rem);
}
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
button { font: inherit; color: inherit; cursor: pointer; border: 1px solid transparent; border-radius: .5rem; background: none;
  min-block-size: 2.5rem; min-inline-size: 2.5rem; padding: .25rem .75rem; }
button:disabled { opacity: .55; cursor: default; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.main { background: var(--accent); color: var(--on); font-weight: 600; }
.icon { padding: .25rem; display: grid; place-items: center; }
.icon svg, .open svg { inline-size: 1.4rem; block-size: 1.4rem; fill: none; stroke: currentColor; stroke-width: 1.8;
  stroke-linecap: round; stroke-linejoin: round; }
.open { background: var(--accent); color: var(--on); border-radius: 2rem; padding: .6rem 1.1rem; display: flex; gap: .5rem;
  align-items: center; font-weight: 600; box-shadow: 0 4px 16px rgb(0 0 0 / 25%); min-block-size: 3rem; }
.badge { background: var(--on); color: var(--accent); border-radius: 1rem; min-inline-size: 1.5rem; padding: 0 .4rem;
  text-align: center; font-size: .85rem; }
.panel { background: var(--paper); border: 1px solid var(--line); border-radius: .9rem; inline-size: 23.5rem;
  max-inline-size: 100%; block-size: min(36rem, calc(100vh - 6.5rem)); display: flex; flex-direction: column; overflow: hidden;
  box-shadow: 0 8px 32px rgb(0 0 0 / 25%); }
header { display: flex; align-items: center; gap: .25rem; padding: .5rem .5rem .5rem 1rem; border-block-end: 1px solid var(--line); }
.all:dir(rtl) header { padding: .5rem 1rem .5rem .5rem; }
h2 { font: inherit; font-weight: 700; margin: 0; flex: 1; overflow-wrap: anywhere; }
.lines { flex: 1; overflow-y: auto; padding: 1rem; display: flex; flex-direction: column; gap: .5rem; background: var(--sunk); }
.line { max-inline-size: 85%; align-self: flex-start; }
.line > .box { background: var(--paper); border: 1px solid var(--line); border-radius: .9rem; border-end-start-radius: .2rem;
  padding: .5rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.line.own { align-self: flex-end; }
.line.own > .box { background: var(--wash); border-color: transparent; border-radius: .9rem; border-end-end-radius: .2rem; }
.line a { color: inherit; }
.line img { display: block; max-inline-size: 100%; max-block-size: 14rem; border-radius: .4rem; }
.note { color: var(--soft); font-size: .85rem; margin: 0; }
.note.bad { color: var(--bad); }
.own .note { text-align: end; }
.under { min-block-size: 1.5rem; padding: .1rem 1rem; background: var(--sunk); }
.speak { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; padding: .6rem 1rem; background: var(--wash); }
.speak p { margin: 0; flex: 1 1 8rem; }
.speak .quiet[aria-pressed=true] { background: var(--ink); color: var(--paper); }
.speak .end { background: var(--bad); color: var(--paper); }
.choices { display: flex; flex-wrap: wrap; gap: .5rem; padding: 0 1rem .75rem; background: var(--sunk); }
.choices button, .quiet { border-color: var(--edge); background: var(--paper); }
form { display: flex; gap: .25rem; align-items: flex-end; padding: .5rem; border-block-start: 1px solid var(--line); margin: 0; }
textarea, input:not([type=file]) { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--edge);
  border-radius: .5rem; padding: .5rem .7rem; inline-size: 100%; min-block-size: 2.5rem; }
textarea { resize: none; max-block-size: 8rem; flex: 1; field-sizing: content; }
.about { flex-direction: column; align-items: stretch; gap: .75rem; padding: 1rem; border: 0; flex: 1; overflow-y: auto; }
.about label { display: block; margin-block-end: .2rem; }
progress { inline-size: 100%; accent-color: var(--accent); }
.upload { padding: .25rem 1rem; background: var(--sunk); display: flex; gap: .5rem; align-items: center; }
.upload > div { flex: 1; }
.invite { background: var(--paper); border: 1px solid var(--line); border-radius: .9rem; padding: .9rem 1rem; max-inline-size: 20rem;
  box-shadow: 0 4px 16px rgb(0 0 0 / 25%); }
.invite p { margin: 0 0 .6rem; }
.invite div { display: flex; gap: .5rem; flex-wrap: wrap; }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 30rem) {
  .panel { position: fixed; inset: 0; inline-size: 100%; block-size: 100%; border-radius: 0; border: 0; }
  .all.up .open { display: none; }
}
@media (prefers-reduced-motion: no-preference) {
  .panel, .invite { animation: rise .16s ease-out; }
  @keyframes rise { from { transform: translateY(.6rem); opacity: 0; } }
}
@media (prefers-contrast: more) { .all { --soft: var(--ink); --line: var(--edge); } }
@media (forced-colors: active) { .panel, .open, .line > .box { border: 1px solid; } }
`
