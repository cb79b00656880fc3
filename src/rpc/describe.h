/* SPDX-License-Identifier: MIT */
/*
 * The published description of our interfaces, in Varlink's interface definition language.
 *
 * Made from api.def and err.def, and nothing else: it can't say what the daemon doesn't do. Served
 * as org.varlink.service.GetInterfaceDescription, and written to data/io.ds01.varlink by the
 * program varlink-print; a test compares that file.
 */
#pragma once

/* The errors of all methods are described under this interface, which has no methods. */
#define DESCRIBE_ERRORS "io.ds01"

/* The text of one interface, owned by the caller; NULL if there is none of that name. */
char *describe_interface(const char *name);
/* All of them, one after the other; owned by the caller. */
char *describe_all(void);
