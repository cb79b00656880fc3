/* SPDX-License-Identifier: MIT */
/* The functions that stand in for others by the linker's --wrap: meson.build has the same list. */
#pragma once

#include "base/clock.h"
#include "base/str.h"
#include "daemon/line.h"
#include "engine/containers.h"
#include "engine/images.h"
#include "gpu/probe.h"
#include "host/account.h"
#include "host/cgroup.h"
#include "host/home.h"
#include "host/mounts.h"
#include "host/terminals.h"
#include "rpc/call.h"
#include "store/db.h"
#include "store/leases.h"
#include "store/tickets.h"

#include <pthread.h>
#include <unistd.h>

#define IMAGE_ID "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* engine.c */
__typeof__(engine_container_create) __wrap_engine_container_create;
__typeof__(engine_container_start) __wrap_engine_container_start;
__typeof__(engine_container_kill) __wrap_engine_container_kill;
__typeof__(engine_container_pause) __wrap_engine_container_pause;
__typeof__(engine_container_unpause) __wrap_engine_container_unpause;
__typeof__(engine_container_wait) __wrap_engine_container_wait;
__typeof__(engine_container_remove) __wrap_engine_container_remove;
__typeof__(engine_container_inspect) __wrap_engine_container_inspect;
__typeof__(engine_container_each) __wrap_engine_container_each;
__typeof__(engine_container_logs) __wrap_engine_container_logs;
__typeof__(engine_image_inspect) __wrap_engine_image_inspect;
__typeof__(engine_pid) __wrap_engine_pid;

/* host.c */
__typeof__(clock_unix) __wrap_clock_unix;
__typeof__(clock_mono_ms) __wrap_clock_mono_ms;
__typeof__(random_hex) __wrap_random_hex;
__typeof__(usleep) __wrap_usleep;
__typeof__(db_end) __wrap_db_end, __real_db_end;
__typeof__(probe_sample) __wrap_probe_sample;
__typeof__(pthread_create) __wrap_pthread_create;
__typeof__(pthread_detach) __wrap_pthread_detach;
__typeof__(pthread_cond_timedwait) __wrap_pthread_cond_timedwait;
__typeof__(mounts_check_dir) __wrap_mounts_check_dir;
__typeof__(mounts_check_workspace) __wrap_mounts_check_workspace;
__typeof__(mounts_attach) __wrap_mounts_attach;
__typeof__(mounts_put_file) __wrap_mounts_put_file;
__typeof__(mounts_visible) __wrap_mounts_visible;
__typeof__(mounts_detach_all) __wrap_mounts_detach_all;
__typeof__(mounts_each_key) __wrap_mounts_each_key;
__typeof__(home_create) __wrap_home_create;
__typeof__(home_open) __wrap_home_open;
__typeof__(home_discard) __wrap_home_discard;
__typeof__(home_sweep) __wrap_home_sweep;
__typeof__(cgroup_prepare) __wrap_cgroup_prepare;
__typeof__(cgroup_signal) __wrap_cgroup_signal;
__typeof__(cgroup_count) __wrap_cgroup_count;
__typeof__(cgroup_container_use) __wrap_cgroup_container_use;
__typeof__(terminals_write) __wrap_terminals_write;
__typeof__(account_by_uid) __wrap_account_by_uid;
__typeof__(account_groups) __wrap_account_groups;
__typeof__(host_group_name) __wrap_host_group_name;
__typeof__(host_uid_min) __wrap_host_uid_min;
__typeof__(rpc_reply) __wrap_rpc_reply;
__typeof__(rpc_reply_more) __wrap_rpc_reply_more;
__typeof__(rpc_call_stop_fd) __wrap_rpc_call_stop_fd;

/* queue-check.c */
__typeof__(line_read) __wrap_line_read, __real_line_read;
__typeof__(tickets_grant) __wrap_tickets_grant, __real_tickets_grant;
__typeof__(leases_reserve) __wrap_leases_reserve, __real_leases_reserve;
__typeof__(leases_take) __wrap_leases_take, __real_leases_take;
__typeof__(leases_end_container) __wrap_leases_end_container, __real_leases_end_container;
