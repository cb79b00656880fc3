/* SPDX-License-Identifier: MIT */
#include "host/boot.h"

#include "base/fd.h"

#include <fcntl.h>
#include <string.h>

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"

int boot_id(char ret_id[BOOT_ID_LEN + 1], struct err *e)
{
        cleanup_free char *text = NULL;
        if (fd_read_file(AT_FDCWD, BOOT_ID_PATH, 64, &text, NULL, e))
                return -1;
        if (strspn(text, "0123456789abcdef-") != BOOT_ID_LEN)
                return err_set(e, ERR_FAILED, "%s does not hold a boot id", BOOT_ID_PATH);
        memcpy(ret_id, text, BOOT_ID_LEN);
        ret_id[BOOT_ID_LEN] = '\0';
        return 0;
}
