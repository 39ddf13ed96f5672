#!/bin/sh
# Prints every parameter below /proc/sys and its value, sorted, for a comparison of before and after. Without what the kernel
# changes by itself (counters, caches, random numbers), and the folders of interfaces, which come and go with them.
set -eu

find /proc/sys -path /proc/sys/fs/binfmt_misc -prune -o -type f -perm /444 -print |
  grep -vE '/proc/sys/(fs/(aio-nr|dentry-state|file-nr|inode-nr|inode-state|quota/)|kernel/(hung_task_detect_count|ns_last_pid|perf_event_max_sample_rate|pty/nr|random/)|net/netfilter/nf_conntrack_count|vm/(stat_refresh|drop_caches|compact_memory))' |
  awk -F/ '($6 != "conf" && $6 != "neigh") || $7 ~ /^(all|default|lo)$/' |
  sort | xargs grep -H '' 2>/dev/null || :
