import { Fault, templateError } from './fault.js';
import { PipelineParser } from './parse-pipeline.js';
import type { BranchNode, Template, TemplateNode } from './syntax.js';

const keywords = ['if', 'with', 'range', 'else', 'end', 'break', 'continue', 'define', 'block', 'template'];

export interface ParseTemplateOptions {
  /** The functions there are; another name is an error at once, not only where it is reached. */
  readonly functions: Iterable<string>;
  /** Outside of actions `\t` and `\n` stand for tab and newline, as in docker's `--format`. Default false. */
  readonly escapes?: boolean;
}

/**
 * Parses the part of Go's text/template that people use with docker: fields, pipelines, functions, `if`, `with`, `range`,
 * variables, comments and the trimming of blanks; not `define`, `block` and `template`.
 *
 * @throws {WarrenError} `ERR_TEMPLATE`, with line and column.
 * @see https://pkg.go.dev/text/template
 */
export function parseTemplate(source: string, options: ParseTemplateOptions): Template {
  return new Parser(source, options).parse();
}

/** What ended a list of nodes. */
type Ending = 'eof' | 'end' | 'else';

class Parser {
  private ranges = 0;
  private readonly actions: PipelineParser;

  constructor(
    private readonly source: string,
    private readonly options: ParseTemplateOptions,
  ) {
    this.actions = new PipelineParser(source, new Set(options.functions));
  }

  parse(): Template {
    try {
      const nodes: TemplateNode[] = [];
      const ending = this.list(nodes);
      if (ending !== 'eof')
        throw new Fault(`{{${ending}}} belongs to nothing`, 'leave it out, or add the {{if}}');
      return { source: this.source, nodes };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      throw templateError(this.source, error.at ?? this.actions.offset, error.message, error.fix);
    }
  }

  /** Text and actions up to what ends the list; of `{{else …}}` the word `else` has been read then. */
  private list(nodes: TemplateNode[]): Ending {
    for (;;) {
      const open = this.source.indexOf('{{', this.actions.offset);
      const text = this.source.slice(this.actions.offset, open < 0 ? undefined : open);
      if (open < 0) {
        this.text(nodes, text, false);
        this.actions.offset = this.source.length;
        return 'eof';
      }
      const trims = /^-[ \t\r\n]/.test(this.source.slice(open + 2, open + 4));
      this.text(nodes, text, trims);
      this.actions.offset = open + (trims ? 3 : 2);
      if (this.comment()) continue;
      const ending = this.action(nodes);
      if (ending !== undefined) return ending;
    }
  }

  private text(nodes: TemplateNode[], text: string, trimEnd: boolean): void {
    let kept = this.actions.trimsNext ? text.replace(/^[ \t\r\n]+/, '') : text;
    if (trimEnd) kept = trimBlanks(kept);
    this.actions.trimsNext = false;
    if (this.options.escapes === true) kept = kept.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
    if (kept !== '') nodes.push({ kind: 'text', text: kept });
  }

  private comment(): boolean {
    const start = /^[ \t\r\n]?\/\*/.exec(this.source.slice(this.actions.offset, this.actions.offset + 3));
    if (start === null) return false;
    const end = this.source.indexOf('*/', this.actions.offset + start[0].length);
    if (end < 0) throw new Fault('a comment is not closed', 'end it with */}}');
    const close = /^([ \t\r\n]-)?}}/.exec(this.source.slice(end + 2, end + 6));
    if (close === null) throw new Fault('a comment is not all of its action', 'end it with */}}');
    this.actions.offset = end + 2 + close[0].length;
    this.actions.trimsNext = close[1] !== undefined;
    return true;
  }

  private action(nodes: TemplateNode[]): Ending | undefined {
    const token = this.actions.peek();
    if (token.kind !== 'word' || !keywords.includes(token.text)) {
      const pipeline = this.actions.pipeline('end', 1);
      nodes.push({ kind: 'action', pipeline });
      return undefined;
    }
    this.actions.take();
    const word = token.text;
    switch (word) {
      case 'end':
        this.actions.close();
        return 'end';
      case 'else':
        return 'else';
      case 'break':
      case 'continue':
        if (this.ranges === 0) throw new Fault(`{{${word}}} is outside of {{range}}`, undefined, token.at);
        this.actions.close();
        nodes.push({ kind: word });
        return undefined;
      case 'if':
      case 'with':
      case 'range':
        nodes.push(this.branch(word));
        return undefined;
      default:
        throw new Fault(`{{${word}}} is not supported`, 'write the text where it is needed', token.at);
    }
  }

  private branch(kind: BranchNode['kind']): BranchNode {
    this.actions.descend();
    const scope = this.actions.variables.length;
    if (kind === 'range') this.ranges++;
    const pipeline = this.actions.pipeline('end', kind === 'range' ? 2 : 1);
    const body: TemplateNode[] = [];
    const otherwise: TemplateNode[] = [];
    const inner = this.actions.variables.length;
    const ending = this.list(body);
    this.actions.variables.length = inner;
    if (kind === 'range') this.ranges--;
    if (ending === 'eof') throw new Fault(`{{${kind}}} is not closed`, 'add {{end}}');
    if (ending === 'else') this.otherwise(kind, otherwise);
    this.actions.variables.length = scope;
    this.actions.ascend();
    return { kind, pipeline, body, otherwise };
  }

  /** `{{else}}`, or `{{else if …}}`, which is an `if` inside of it that shares its `{{end}}`. */
  private otherwise(kind: BranchNode['kind'], nodes: TemplateNode[]): void {
    const token = this.actions.peek();
    if (token.kind === 'word' && token.text === kind && kind !== 'range') {
      this.actions.take();
      nodes.push(this.branch(kind));
      return;
    }
    this.actions.close();
    const ending = this.list(nodes);
    if (ending === 'else') throw new Fault(`{{${kind}}} has a second {{else}}`);
    if (ending === 'eof') throw new Fault(`{{${kind}}} is not closed`, 'add {{end}}');
  }
}

/** Not by a pattern: /[ ]+$/ takes quadratic time on blanks that are not at the end. */
function trimBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && ' \t\r\n'.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
