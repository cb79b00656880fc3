/* SPDX-License-Identifier: MIT */
/* Prints the description of our interfaces: varlink-print >data/io.ds01.varlink */
#include "base/mem.h"
#include "rpc/describe.h"

#include <stdio.h>

int main(void)
{
        cleanup_free char *text = describe_all();
        return fputs(text, stdout) == EOF || fflush(stdout) == EOF;
}
