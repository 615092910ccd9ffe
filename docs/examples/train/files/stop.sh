#!/bin/sh
# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Stops this node's part of the job, if it runs: whatever belongs to it holds the lock. Usage: stop.sh JOB-DIRECTORY
cd "$1" || exit
flock --nonblock lock true && exit
group=$(cat pid)
kill -TERM "-$group"
flock --timeout 30 lock true || {
  kill -KILL "-$group"
  echo 137 >exit_code
}
echo stopped
