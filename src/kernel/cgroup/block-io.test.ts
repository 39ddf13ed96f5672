import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBlockTraffic, readInactiveFileBytes } from './block-io.js';

const files =
  (contents: Readonly<Record<string, string>>) =>
  (name: string): string | undefined =>
    contents[name];

test('readBlockTraffic() sums over devices, by v1 and v2 alike', () => {
  const v1 = files({
    'blkio.throttle.io_service_bytes':
      '8:0 Read 100\n8:0 Write 20\n8:0 Sync 120\n8:0 Total 120\n8:16 Read 1\n8:16 Write 2\nTotal 123\n',
  });
  const v2 = files({
    'io.stat': '8:0 rbytes=100 wbytes=20 rios=3 wios=4\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n',
  });
  const expected = { readBytes: 101, writtenBytes: 22 };
  assert.deepEqual(readBlockTraffic(1, v1), expected);
  assert.deepEqual(readBlockTraffic(2, v2), expected);
});

test('readBlockTraffic() prefers what counts the groups below too', () => {
  const both = files({
    'blkio.throttle.io_service_bytes': '8:0 Read 1\n8:0 Write 1\n',
    'blkio.throttle.io_service_bytes_recursive': '8:0 Read 5\n8:0 Write 6\nTotal 11\n',
  });
  assert.deepEqual(readBlockTraffic(1, both), { readBytes: 5, writtenBytes: 6 });
});

test('readBlockTraffic() tells no traffic from what is not counted', () => {
  assert.deepEqual(readBlockTraffic(2, files({ 'io.stat': '' })), { readBytes: 0, writtenBytes: 0 });
  assert.equal(readBlockTraffic(1, files({})), undefined);
});

test('readInactiveFileBytes() takes the whole tree on v1, and 0 for what is not there', () => {
  const stat = files({ 'memory.stat': 'inactive_file 10\ntotal_inactive_file 30\n' });
  assert.equal(readInactiveFileBytes(1, stat), 30);
  assert.equal(readInactiveFileBytes(2, stat), 10);
  assert.equal(readInactiveFileBytes(1, files({})), 0);
});
