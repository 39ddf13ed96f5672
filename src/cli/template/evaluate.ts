import { didYouMean } from '../../kernel/nearest.js';
import { Fault, templateError } from './fault.js';
import { templateFunctions, type TemplateFunction } from './functions.js';
import type { BranchNode, Command, Operand, Pipeline, Template, TemplateNode } from './syntax.js';
import {
  describeKind,
  formatValue,
  isNil,
  isTruthy,
  kindOf,
  sortedEntries,
  type TemplateMethod,
} from './values.js';

/**
 * The text that a template makes of a value.
 *
 * @param data What `.` is; see values.ts for what stands for structs and maps.
 * @param functions Default: text/template's and docker's.
 * @throws {WarrenError} `ERR_TEMPLATE`: a field that is not there, a function that cannot take its arguments.
 */
export function renderTemplate(template: Template, data: unknown, functions = templateFunctions): string {
  return new Evaluation(template.source, data, functions).render(template.nodes);
}

interface Variable {
  readonly name: string;
  value: unknown;
}

/** Why a list of nodes was left. */
type Outcome = 'done' | 'break' | 'continue';

class Evaluation {
  private readonly output: string[] = [];
  private readonly variables: Variable[];

  constructor(
    private readonly source: string,
    data: unknown,
    private readonly functions: Readonly<Record<string, TemplateFunction>>,
  ) {
    this.variables = [{ name: '$', value: data }];
  }

  render(nodes: readonly TemplateNode[]): string {
    this.list(nodes, this.variables[0]?.value);
    return this.output.join('');
  }

  private list(nodes: readonly TemplateNode[], dot: unknown): Outcome {
    for (const node of nodes) {
      const outcome = this.node(node, dot);
      if (outcome !== 'done') return outcome;
    }
    return 'done';
  }

  private node(node: TemplateNode, dot: unknown): Outcome {
    switch (node.kind) {
      case 'text':
        this.output.push(node.text);
        return 'done';
      case 'action': {
        const value = this.pipeline(node.pipeline, dot);
        if (node.pipeline.binding === 'none') this.output.push(printed(value));
        return 'done';
      }
      case 'break':
      case 'continue':
        return node.kind;
      case 'if':
      case 'with':
      case 'range': {
        const scope = this.variables.length;
        const outcome = node.kind === 'range' ? this.range(node, dot) : this.branch(node, dot);
        this.variables.length = scope;
        return outcome;
      }
    }
  }

  private branch(node: BranchNode, dot: unknown): Outcome {
    const value = this.pipeline(node.pipeline, dot);
    if (!isTruthy(value)) return this.list(node.otherwise, dot);
    return this.list(node.body, node.kind === 'with' ? value : dot);
  }

  private range(node: BranchNode, dot: unknown): Outcome {
    const { pipeline, body, otherwise } = node;
    const { variables, binding, at } = pipeline;
    const entries = this.entries(this.commands(pipeline, dot), at);
    if (binding === 'declare') this.declare(variables, undefined);
    if (entries.length === 0) return this.list(otherwise, dot);
    const scope = this.variables.length;
    for (const [key, element] of entries) {
      const [first, second] = variables;
      if (first !== undefined) this.assign(first, second === undefined ? element : key);
      if (second !== undefined) this.assign(second, element);
      const outcome = this.list(body, element);
      this.variables.length = scope;
      if (outcome === 'break') break;
    }
    return 'done';
  }

  private entries(value: unknown, at: number): readonly [unknown, unknown][] {
    if (Array.isArray(value)) return [...(value as unknown[]).entries()];
    if (value instanceof Map) return sortedEntries(value as Map<unknown, unknown>);
    if (isNil(value)) return [];
    throw this.error(at, `range takes a list or a map, and was given ${describeKind(value)}`);
  }

  private pipeline(pipeline: Pipeline, dot: unknown): unknown {
    const value = this.commands(pipeline, dot);
    if (pipeline.binding === 'declare') this.declare(pipeline.variables, value);
    for (const name of pipeline.binding === 'assign' ? pipeline.variables : []) this.assign(name, value);
    return value;
  }

  private commands({ commands }: Pipeline, dot: unknown): unknown {
    let piped: readonly unknown[] = [];
    for (const command of commands) piped = [this.command(command, dot, piped)];
    return piped[0];
  }

  /** @param piped What stands before `|`: the last argument. */
  private command({ operands }: Command, dot: unknown, piped: readonly unknown[]): unknown {
    const [first, ...rest] = operands;
    if (first.kind === 'function') return this.call(first.name, first.at, rest, dot, piped);
    if (rest.length === 0 && piped.length === 0) {
      if (first.kind === 'nil') throw this.error(first.at, 'nil alone has no value');
      return this.operand(first, dot);
    }
    const fields = 'fields' in first ? first.fields : [];
    const last = fields.at(-1);
    if (last === undefined) {
      throw this.error(
        first.at,
        'what is no function has arguments',
        'put the function first: {{json .State}}',
      );
    }
    const args = [...rest.map((each) => this.operand(each, dot)), ...piped];
    const before = fields.slice(0, -1);
    const target = this.walk(this.start(first, dot), before, first.at);
    return this.field(target, [...before, last], first.at, args);
  }

  private operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case 'nil':
        return null;
      case 'literal':
        return operand.value;
      case 'function':
        return this.call(operand.name, operand.at, [], dot, []);
      case 'dot':
      case 'field':
      case 'variable':
      case 'group':
        return this.walk(this.start(operand, dot), 'fields' in operand ? operand.fields : [], operand.at);
    }
  }

  /** What an operand's fields are looked for in. */
  private start(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case 'variable':
        return this.variable(operand.name)?.value;
      case 'group':
        return this.pipeline(operand.pipeline, dot);
      default:
        return dot;
    }
  }

  private walk(start: unknown, fields: readonly string[], at: number): unknown {
    let value = start;
    for (const index of fields.keys()) value = this.field(value, fields.slice(0, index + 1), at, []);
    return value;
  }

  /** @param path The last of it is what is looked for in the value; the rest, which led to it, is for messages. */
  private field(value: unknown, path: readonly string[], at: number, args: readonly unknown[]): unknown {
    const found = this.lookUp(value, path, at);
    if (typeof found === 'function') return this.guard(at, () => (found as TemplateMethod)(...args));
    if (args.length > 0) throw this.error(at, `.${path.join('.')} is no method, and has arguments`);
    return found;
  }

  private lookUp(value: unknown, path: readonly string[], at: number): unknown {
    const name = path.at(-1) ?? '';
    switch (kindOf(value)) {
      // As in Go, what comes after no value has none either.
      case 'none':
        return undefined;
      case 'map':
        return (value as ReadonlyMap<unknown, unknown>).get(name);
      case 'struct': {
        const struct = value as Readonly<Record<string, unknown>>;
        // Own ones only: "constructor" is none.
        if (Object.hasOwn(struct, name)) return struct[name];
        const names = Object.keys(struct);
        throw this.error(
          at,
          `there is no field .${path.join('.')}`,
          didYouMean(name, names) ?? `there are ${names.map((each) => `.${each}`).join(' ')}`,
        );
      }
      default:
        throw this.error(
          at,
          `there is no field .${path.join('.')}: what stands before .${name} is ${describeKind(value)}`,
        );
    }
  }

  private call(
    name: string,
    at: number,
    operands: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
  ): unknown {
    const called = this.functions[name];
    const count = operands.length + piped.length;
    if (called === undefined) throw this.error(at, `there is no function ${name}`);
    const { least, most, call } = called;
    if (count < least || count > most) {
      const wanted =
        most === least ? String(least) : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
      throw this.error(at, `${name} takes ${wanted} arguments, and has ${count}`);
    }
    if (name === 'and' || name === 'or') return this.logic(name === 'or', operands, dot, piped);
    const args = [...operands.map((each) => this.operand(each, dot)), ...piped];
    return this.guard(at, () => call(...args));
  }

  /** The first argument that decides, else the last; what follows it is not looked at. */
  private logic(
    decides: boolean,
    operands: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
  ): unknown {
    let value: unknown;
    for (const operand of operands) {
      value = this.operand(operand, dot);
      if (isTruthy(value) === decides) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  private guard(at: number, call: () => unknown): unknown {
    try {
      return call();
    } catch (error) {
      if (error instanceof Fault) throw this.error(at, error.message, error.fix);
      throw error;
    }
  }

  private variable(name: string): Variable | undefined {
    return this.variables.findLast((each) => each.name === name);
  }

  private declare(names: readonly string[], value: unknown): void {
    for (const name of names) this.variables.push({ name, value });
  }

  private assign(name: string, value: unknown): void {
    const variable = this.variable(name);
    if (variable !== undefined) variable.value = value;
  }

  private error(at: number, why: string, fix?: string): Error {
    return templateError(this.source, at, why, fix);
  }
}

function printed(value: unknown): string {
  return isNil(value) ? '<no value>' : formatValue(value);
}
