import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { WarrenError } from '../../errors.js';
import { goQuote, parseTemplate, renderTemplate, templateFunctions } from './index.js';

const functions = Object.keys(templateFunctions);
const data = {
  Name: '/web',
  State: { Status: 'running', Pid: 7 },
  Args: ['a', 'b'],
  Labels: new Map([['tier', 'web']]),
  Nothing: null,
};
const render = (text: string, escapes = false): string =>
  renderTemplate(parseTemplate(text, { functions, escapes }), data);

function refusal(text: string): WarrenError {
  try {
    render(text);
  } catch (error) {
    assert.ok(error instanceof WarrenError);
    assert.equal(error.code, 'ERR_TEMPLATE');
    return error;
  }
  return assert.fail(`${text} was taken`);
}

describe('parseTemplate()', () => {
  test('names line and column of what it cannot read', () => {
    assert.match(refusal('one\ntwo {{.Name @}}').message, /line 2, column 13: "@"/);
    assert.match(refusal('é{{.Name | 3}}').message, /line 1, column 12/);
  });

  test('has a near name for a function, and a dot for what looks like a field', () => {
    assert.match(refusal('{{jsno .}}').fix ?? '', /did you mean json\?/);
    assert.match(refusal('{{Hostname}}').fix ?? '', /\.Hostname/);
  });

  test('refuses what it has not: definitions of templates', () => {
    assert.match(refusal('{{define "x"}}{{end}}').message, /not supported/);
  });

  test('refuses a nesting that would exhaust the stack', () => {
    assert.match(refusal(`{{${'('.repeat(100_000)}`).message, /nested/);
    assert.match(refusal('{{if 1}}'.repeat(100_000)).message, /nested/);
  });

  test('with escapes turns \\t and \\n into tab and newline, outside of actions only', () => {
    assert.equal(render('{{.State.Pid}}\\t{{print "a\\tb"}}\\n', true), '7\ta\tb\n');
    assert.equal(render('{{.State.Pid}}\\t'), '7\\t');
  });
});

describe('renderTemplate()', () => {
  test('names the whole path of a field that is not there, and a near one', () => {
    const error = refusal('{{.State.Pidd}}');
    assert.match(error.message, /\.State\.Pidd/);
    assert.equal(error.fix, 'did you mean Pid?');
  });

  test('looks at own fields only', () => {
    refusal('{{.constructor}}');
    refusal('{{.State.__proto__}}');
    assert.equal(render('{{.Labels.constructor}}'), '<no value>');
  });

  test('prints null as Go does nil, and refuses its fields', () => {
    assert.equal(render('{{.Nothing}}'), '<no value>');
    refusal('{{.Nothing.Field}}');
  });

  test('calls a method with its arguments and with what is piped', () => {
    const struct = { Sum: (...numbers: readonly unknown[]) => numbers.join('+') };
    const text = '{{.Sum 1 2}} {{3 | .Sum 1}} {{(.Sum 4) | printf "%q"}}';
    assert.equal(renderTemplate(parseTemplate(text, { functions }), struct), '1+2 1+3 "4"');
  });

  test('ends with text or with ERR_TEMPLATE, whatever the template is', () => {
    const piece = fc.constantFrom(
      ...'{{ |}} |{{- | -}}|.State|.Args|.Labels|.|$|$x| := | = |, |if |else |end|range |with |(|)|"a"|`b`|1|-2.5|nil|true|break|/*|*/|\n|%d'.split(
        '|',
      ),
      '|',
      ...functions.map((name) => `${name} `),
      '{{end}}',
      '{{if .Args}}',
      '{{range $i, $e := .Labels}}',
      '{{printf "%5.2v %[2]*d" ',
    );
    const anything = fc.oneof(
      fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join('')),
      fc.array(piece, { maxLength: 8 }).map((pieces) => `{{${pieces.join('')}}}`),
      fc.string({ unit: 'binary', maxLength: 40 }).map((text) => `{{${text}}}`),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          render(text);
        } catch (error) {
          assert.ok(error instanceof WarrenError, String(error));
          assert.equal(error.code, 'ERR_TEMPLATE');
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('gives back text without braces as it is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes('{{'));
        assert.equal(render(text), text);
      }),
    );
  });

  test('reads any string that goQuote() wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(render(`{{${goQuote(text)}}}`), text);
        assert.match(goQuote(text), /^"[^\p{Cc}\p{Zl}\p{Zp}]*"$/u);
      }),
    );
  });

  test('printf pads any text to a width, and cuts it to a precision', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(50), fc.nat(50), (text, width, precision) => {
        const result = renderTemplate(
          parseTemplate(`{{printf "%${width}.${precision}s" .}}`, { functions }),
          text,
        );
        const characters = Array.from(text).slice(0, precision);
        assert.equal(result, characters.join('').padStart(result.length));
        assert.equal(Array.from(result).length, Math.max(width, characters.length));
      }),
    );
  });
});
