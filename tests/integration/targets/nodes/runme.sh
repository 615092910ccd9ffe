#!/usr/bin/env bash
# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ansible-inventory lists the nodes that the simulator serves, as they are found in an ansible_collections tree.
set -eu

scratch=$(mktemp -d)
PYTHONPATH=$ANSIBLE_COLLECTIONS_PATH${PYTHONPATH:+:$PYTHONPATH} \
  python -m ansible_collections.navercloud.nsml.tests.simulator --no-ssh --environment "$scratch/environment" &
simulator=$!
trap 'kill "$simulator"; rm -rf "$scratch"' EXIT

while kill -0 "$simulator" && [ ! -e "$scratch/environment" ]; do sleep 0.1; done
# shellcheck disable=SC1091
. "$scratch/environment"

printf 'plugin: navercloud.nsml.nodes\nproject: bert\nrun: 2\n' > "$scratch/bert.nsml.yml"
ansible-inventory -i "$scratch/bert.nsml.yml" --graph | tee "$scratch/graph"
for rank in 0 1 2 3; do
  grep -q -- "--bert-2-$rank\$" "$scratch/graph"
done
ansible-inventory -i "$scratch/bert.nsml.yml" --host bert-2-1 | tee "$scratch/host"
grep -q '"nsml_world_size": 4' "$scratch/host"
