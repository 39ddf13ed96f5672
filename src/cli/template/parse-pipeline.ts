import { didYouMean } from '../../kernel/nearest.js';
import { Fault } from './fault.js';
import { readToken, type Token } from './lex.js';
import { readNumber } from './literals.js';
import type { Command, Operand, Pipeline } from './syntax.js';

/** Of control structures and parentheses together: deeper ones would exhaust the stack. */
const MAX_DEPTH = 100;

/** Reads what stands inside of `{{ }}`: tokens, and the pipelines that they form. Throws Faults. */
export class PipelineParser {
  /** Behind what has been read. */
  offset = 0;
  /** The action that was read last ends with ` -}}`. */
  trimsNext = false;
  /** Names in scope: a scope is a length of this list. */
  readonly variables = ['$'];
  private depth = 0;
  private peeked: Token | undefined;

  constructor(
    private readonly source: string,
    private readonly functions: ReadonlySet<string>,
  ) {}

  /** @param closedBy `end`: the braces; `)`. What closes it is read too. */
  pipeline(closedBy: 'end' | ')', mostVariables: number): Pipeline {
    const at = this.peek().at;
    const { variables, binding } = this.bindings(mostVariables);
    const commands: Command[] = [];
    for (;;) {
      const command = this.command();
      if (commands.length > 0) this.refuseConstant(command);
      commands.push(command);
      const token = this.take();
      if (token.kind === 'punctuation' && token.text === '|') continue;
      const closes =
        closedBy === 'end' ? token.kind === 'end' : token.text === ')' && token.kind === 'punctuation';
      if (!closes) throw this.unexpected(token);
      break;
    }
    // `$x := $x` means the outer one on its right.
    if (binding === 'declare') this.variables.push(...variables);
    return { at, binding, variables, commands };
  }

  private bindings(most: number): Pick<Pipeline, 'variables' | 'binding'> {
    const start = { offset: this.offset, peeked: this.peeked };
    const variables: string[] = [];
    while (this.peek().kind === 'variable' && variables.length < most) {
      variables.push(this.take().text);
      const { kind, text, at } = this.peek();
      if (kind === 'punctuation' && (text === ':=' || text === '=')) {
        const unknown = text === '=' ? variables.find((name) => !this.variables.includes(name)) : undefined;
        if (unknown !== undefined)
          throw new Fault(`there is no variable ${unknown}`, `declare it: ${unknown} :=`, at);
        this.take();
        return { variables, binding: text === '=' ? 'assign' : 'declare' };
      }
      if (kind !== 'punctuation' || text !== ',') break;
      this.take();
    }
    // It was an operand after all.
    this.offset = start.offset;
    this.peeked = start.peeked;
    return { variables: [], binding: 'none' };
  }

  private command(): Command {
    const first = this.operand();
    const operands: [Operand, ...Operand[]] = [first];
    for (;;) {
      const token = this.peek();
      const closes =
        token.kind === 'end' || (token.kind === 'punctuation' && (token.text === '|' || token.text === ')'));
      if (closes) return { at: first.at, operands };
      if (!token.spaceBefore) throw this.unexpected(token);
      operands.push(this.operand());
    }
  }

  private operand(): Operand {
    const token = this.take();
    const { at, text } = token;
    switch (token.kind) {
      case 'field':
        return { kind: 'field', at, fields: [text, ...this.fields()] };
      case 'variable':
        if (!this.variables.includes(text)) {
          throw new Fault(`there is no variable ${text}`, didYouMean(text, this.variables.slice(1)), at);
        }
        return { kind: 'variable', at, name: text, fields: this.fields() };
      case 'string':
        return { kind: 'literal', at, value: text };
      case 'char':
        return { kind: 'literal', at, value: text.codePointAt(0) ?? 0 };
      case 'number':
        return { kind: 'literal', at, value: this.number(token) };
      case 'word':
        return this.word(token);
      case 'punctuation':
        if (text === '.') return { kind: 'dot', at };
        if (text === '(') {
          this.descend();
          const pipeline = this.pipeline(')', 0);
          this.ascend();
          return { kind: 'group', at, pipeline, fields: this.fields() };
        }
        throw this.unexpected(token);
      case 'end':
        throw new Fault('a value is missing', 'write for example {{.Id}}', at);
    }
  }

  private number(token: Token): number {
    try {
      return readNumber(token.text);
    } catch (error) {
      throw error instanceof Fault ? new Fault(error.message, error.fix, token.at) : error;
    }
  }

  private word(token: Token): Operand {
    const { text, at } = token;
    if (text === 'true' || text === 'false') return { kind: 'literal', at, value: text === 'true' };
    if (text === 'nil') return { kind: 'nil', at };
    if (this.functions.has(text)) return { kind: 'function', at, name: text };
    const near = didYouMean(text, [...this.functions]);
    throw new Fault(`there is no function ${text}`, near ?? `a field begins with a dot: .${text}`, at);
  }

  /** `.b.c` directly behind an operand. */
  private fields(): string[] {
    const fields: string[] = [];
    for (;;) {
      const token = this.peek();
      if (token.kind !== 'field' || token.spaceBefore) return fields;
      fields.push(this.take().text);
    }
  }

  /** Only what can be called can take the value of what stands before `|`. */
  private refuseConstant({ operands: [first] }: Command): void {
    if (['dot', 'nil', 'literal'].includes(first.kind)) {
      throw new Fault('a value after | cannot take what comes before it', 'put a function there', first.at);
    }
  }

  /** One level deeper, until `ascend()`. */
  descend(): void {
    if (++this.depth > MAX_DEPTH) throw new Fault(`it is nested more than ${MAX_DEPTH} deep`);
  }

  ascend(): void {
    this.depth--;
  }

  /** The braces that end an action. */
  close(): void {
    const token = this.take();
    if (token.kind !== 'end') throw this.unexpected(token);
  }

  peek(): Token {
    this.peeked ??= readToken(this.source, this.offset);
    return this.peeked;
  }

  take(): Token {
    const token = this.peek();
    this.offset = token.next;
    this.peeked = undefined;
    if (token.kind === 'end') this.trimsNext = token.trims;
    return token;
  }

  private unexpected(token: Token): Fault {
    return new Fault(`${this.source.slice(token.at, token.next)} is not expected here`, undefined, token.at);
  }
}
