/** What a template is parsed into; see parse.ts for the language. Every node keeps its place in the text, for messages. */
export interface Template {
  readonly source: string;
  readonly nodes: readonly TemplateNode[];
}

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | BranchNode
  | { readonly kind: 'break' | 'continue' };

/** `if`, `with` and `range` differ in what they do with the value, not in their form. */
export interface BranchNode {
  readonly kind: 'if' | 'with' | 'range';
  readonly pipeline: Pipeline;
  readonly body: readonly TemplateNode[];
  readonly otherwise: readonly TemplateNode[];
}

export interface Pipeline {
  readonly at: number;
  /** `$x :=` makes variables, `$x =` sets them. */
  readonly binding: 'none' | 'declare' | 'assign';
  /** With their `$`. Two of them for `range` only: key and element. */
  readonly variables: readonly string[];
  readonly commands: readonly Command[];
}

export interface Command {
  readonly at: number;
  readonly operands: readonly [Operand, ...Operand[]];
}

export type Operand = { readonly at: number } & (
  | { readonly kind: 'dot' | 'nil' }
  | { readonly kind: 'field'; readonly fields: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly fields: readonly string[] }
  | { readonly kind: 'group'; readonly pipeline: Pipeline; readonly fields: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
);
