/* SPDX-License-Identifier: MIT */
/* The name of one of the caller's projects: from the command line, or from the picker. */
#pragma once

#include "cli/cli.h"

/* Fills ret_name from the first argument, checked, or lets the user choose. */
int pick_project(struct cli *c, const char *title, char ret_name[41], struct err *e);

/* 0 for one of project_types and for NULL; else ERR_INVALID, which names them. */
int check_project_type(const struct cli *c, const char *type, struct err *e);
