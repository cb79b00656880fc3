/* SPDX-License-Identifier: MIT */
/*
 * Which packages a project of a given type starts with: the tables behind requirements.txt and the
 * apt block. Pure. The framework itself is never among them: it comes with the base image.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>

/*
 * Appends requirement lines for a type. Packages that would bring PyTorch along stand there as
 * comments unless the framework is PyTorch. `custom` starts empty, with a line that says so.
 */
void packages_add_requirements(
        struct buf *b, const char *type, const char *framework, bool jupyter);

/* Appends the Debian packages that the type's Python packages need at run time. */
void packages_list_apt(const char *type, struct strv *ret);
