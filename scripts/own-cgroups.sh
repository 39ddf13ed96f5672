#!/bin/sh
# Prints the caller's control groups, one in each hierarchy that is mounted: `VERSION DIRECTORY`, see cgroups(7).
set -eu

awk '
  # Of a mount: where, which part of the hierarchy, and of v1 which controllers.
  FILENAME == "/proc/self/mountinfo" {
    type = $0; sub(/.* - /, "", type); split(type, after, " ")
    if (after[1] == "cgroup2") { point["2"] = $5; root["2"] = $4 }
    if (after[1] == "cgroup") {
      count = split(after[3], options, ",")
      for (i = 1; i <= count; i++) { point[options[i]] = $5; root[options[i]] = $4 }
    }
    next
  }
  {
    split($0, part, ":"); path = part[3]; version = part[2] == "" ? 2 : 1
    split(part[2], names, ","); key = version == 2 ? "2" : names[1]
    if (!(key in point)) next
    if (root[key] != "/") {
      if (index(path "/", root[key] "/") != 1) next
      path = substr(path, length(root[key]) + 1)
    }
    sub("/$", "", path)
    print version, point[key] path
  }
' /proc/self/mountinfo /proc/self/cgroup
