import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCopyPath } from './place.js';

test('readCopyPath() takes a path from the root on, and ".." away as text', () => {
  const paths = {
    'a/b': '/a/b',
    '/a//b/': '/a/b',
    '../../a': '/a',
    '': '/',
    '.': '/',
    '/..': '/',
    'a/../b/.': '/b',
  };
  for (const [text, path] of Object.entries(paths)) assert.equal(readCopyPath(text).path, path, text);
});

test('readCopyPath() knows what only a directory can be, and what means its contents', () => {
  const wants = (text: string): string => {
    const { wantsDirectory, wantsContents } = readCopyPath(text);
    return `${wantsDirectory ? 'directory' : ''} ${wantsContents ? 'contents' : ''}`.trim();
  };
  for (const text of ['a', '/a/b', 'a.', '/a/..b', '/a/.b']) assert.equal(wants(text), '', text);
  for (const text of ['a/', '/a/b//', '..a/', '/x/y/..']) assert.equal(wants(text), 'directory', text);
  for (const text of ['a/.', '.', '/', '/a/b/.', '', 'a/..'])
    assert.equal(wants(text), 'directory contents', text);
});
