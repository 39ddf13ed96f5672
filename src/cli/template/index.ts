/** The part of Go's text/template that people use with docker's `--format`. Pure. */
export { renderTemplate } from './evaluate.js';
export { templateFunctions, type TemplateFunction } from './functions.js';
export { parseTemplate } from './parse.js';
export { escapeControls, goQuote } from './quote.js';
export type { Template } from './syntax.js';
export { jsonText } from './values.js';
