/* SPDX-License-Identifier: MIT */
/*
 * Python packages that were installed in a container by hand, kept for its next image.
 *
 * The container's own pip is asked what is installed and where. A package was added since the image
 * if its record (METADATA in its dist-info folder) changed its inode after the container was made:
 * what comes from an image was laid down before, an installation writes the record anew, and unlike
 * a modification time no program can set a change time. This holds for the image's own folders and
 * for the home alike, and needs no list from an earlier day. Of what was added only what somebody
 * asked pip for counts (its REQUESTED mark); dependencies come with it again.
 *
 * Names and versions come from inside the container: what is no requirement is dropped. The container
 * is never committed to an image.
 */
#pragma once

#include "cli/cli.h"

/*
 * For `container retire`: writes them to requirements.txt in the container's workspace. `row` is its
 * row from Containers.Get. With --save-packages, failing to is an error; without, the user is asked
 * on a terminal, and nothing happens elsewhere or with --force, --yes or --user.
 */
int save_packages(struct cli *c, const char *name, const json_t *row, struct err *e);
