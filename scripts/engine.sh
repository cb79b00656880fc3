# shellcheck shell=bash
# A Docker Engine of our own for machines where none answers: started without systemd, remembered by
# its process id, taken down with all that it left behind. Sourced by quickstart.
#
# Wants: ENGINE_SOCKET, ENGINE_DIR (data, log, what we changed), ENGINE_RUN (volatile files),
# ENGINE_BRIDGES (the network interfaces that were made through it).

# shellcheck disable=SC2153
ENGINE_PID=$ENGINE_DIR/dockerd.pid

# engine_get PATH: the answer's body; fails if the engine doesn't answer or says no.
engine_get() { curl -sf -m 10 --unix-socket "$ENGINE_SOCKET" "http://engine$1"; }
engine_delete() { curl -s -o /dev/null -m 60 --unix-socket "$ENGINE_SOCKET" -X DELETE "http://engine$1"; }
engine_answers() { [ -S "$ENGINE_SOCKET" ] && engine_get /_ping >/dev/null 2>&1; }

# True if the process of our pid file is still the dockerd that we started.
engine_is_ours() {
	local pid
	pid=$(cat "$ENGINE_PID" 2>/dev/null) || return 1
	tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "--data-root $ENGINE_DIR/data"
}

# Machines without an init that mounts the cgroup controllers: mount them, and remember it.
engine_cgroups() {
	local name enabled
	grep -qE ' (cgroup|cgroup2) ' /proc/self/mounts && return 0
	if awk '$1 == "memory" && $2 != 0 { v1 = 1 } END { exit v1 }' /proc/cgroups; then
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		echo /sys/fs/cgroup >>"$ENGINE_DIR/mounted"
		return 0
	fi
	mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
	echo /sys/fs/cgroup >>"$ENGINE_DIR/mounted"
	while read -r name _ _ enabled; do
		[ "$enabled" = 1 ] || continue
		mkdir -p "/sys/fs/cgroup/$name"
		mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name" || continue
		echo "/sys/fs/cgroup/$name" >>"$ENGINE_DIR/mounted"
	done < <(grep -v '^#' /proc/cgroups)
}

# Prints the options and, by ENGINE_PATH, the iptables that work on this kernel: some have only the
# nft tables, some only the legacy ones, some none. Nothing outside our own folder is switched over.
engine_iptables() {
	ENGINE_PATH=$PATH
	ENGINE_OPTIONS=()
	local kind suffix
	iptables -w -t nat -n -L >/dev/null 2>&1 && return 0
	for kind in legacy nft; do
		if "iptables-$kind" -w -t nat -n -L >/dev/null 2>&1; then
			mkdir -p "$ENGINE_DIR/bin"
			for suffix in '' -save -restore; do
				ln -sf "$(command -v "iptables-$kind$suffix")" "$ENGINE_DIR/bin/iptables$suffix"
			done
			ENGINE_PATH=$ENGINE_DIR/bin:$PATH
			return 0
		fi
	done
	ENGINE_OPTIONS=(--iptables=false --ip-masq=false)
	step_note "no iptables here: containers have no way out, and are not kept from each other"
}

# What to set back when we stop: taken before the engine changes it.
engine_remember() {
	{
		echo "forward=$(cat /proc/sys/net/ipv4/ip_forward)"
		echo "policy=$(iptables -S FORWARD 2>/dev/null | awk '$1 == "-P" { print $3 }')"
		if [ -e /sys/class/net/docker0 ]; then echo bridge=kept; else echo bridge=ours; fi
	} >"$ENGINE_DIR/before"
}

engine_launch() {
	setsid env PATH="$ENGINE_PATH" dockerd --data-root "$ENGINE_DIR/data" \
		--exec-root "$ENGINE_RUN/docker" -p "$ENGINE_RUN/docker.pid" \
		-H "unix://$ENGINE_SOCKET" "${ENGINE_OPTIONS[@]}" >>"$ENGINE_DIR/docker.log" 2>&1 </dev/null 9>&- &
	echo $! >"$ENGINE_PID"
}

engine_start() {
	local i
	if engine_answers; then
		if engine_is_ours; then step_note "ours, runs already"; else step_note "the machine's own"; fi
		return 0
	fi
	mkdir -p "$ENGINE_DIR" "$ENGINE_RUN"
	engine_cgroups
	engine_iptables
	engine_is_ours || engine_remember
	# After a crash these name processes that are long gone, and dockerd would wait for them.
	rm -f "$ENGINE_RUN/docker.pid" "$ENGINE_RUN/docker/containerd/containerd.pid"
	engine_launch
	for i in {1..150}; do
		engine_answers && return 0
		[ -d "/proc/$(cat "$ENGINE_PID")" ] || break
		sleep 0.2
	done
	tail -n 15 "$ENGINE_DIR/docker.log"
	step_note "dockerd did not start; see $ENGINE_DIR/docker.log"
	return 1
}

# Takes our bridges' rules out of the packet filter; Docker's own chains and what it switched on as
# well, unless another dockerd of this machine lives by them.
engine_unfilter() {
	local forward='' policy='' bridge='' ours
	# shellcheck disable=SC1091  # written by engine_remember
	. "$ENGINE_DIR/before"
	[ "$bridge" != ours ] || ip link del docker0 2>/dev/null || true
	ours="$(IFS='|'; echo "${ENGINE_BRIDGES[*]}")"
	[ "$bridge" != ours ] || ours+='|docker0'
	local edit=(-E -e "/ -[io] ($ours)( |\$)/d")
	if ! pgrep -x dockerd >/dev/null; then
		[ -z "$forward" ] || echo "$forward" >/proc/sys/net/ipv4/ip_forward
		edit+=(-e '/DOCKER/d' -e "s/^:FORWARD [A-Z]*/:FORWARD ${policy:-ACCEPT}/")
	fi
	iptables-save 2>/dev/null | grep -v '^#' | sed "${edit[@]}" | iptables-restore
}

# Ends our dockerd, and only ours; its data stay.
engine_stop() {
	local pid path i
	if ! engine_is_ours; then
		if engine_answers; then step_note "not ours: left running"; else step_note "none runs"; fi
		return 0
	fi
	pid=$(cat "$ENGINE_PID")
	kill "$pid"
	for i in {1..100}; do
		[ -d "/proc/$pid" ] || break
		[ "$i" -ne 75 ] || kill -KILL "$pid"
		sleep 0.2
	done
	awk -v a="$ENGINE_DIR/" -v b="$ENGINE_RUN/" 'index($2, a) == 1 || index($2, b) == 1 { print $2 }' \
		/proc/self/mounts | sort -r | while read -r path; do umount -l "$path"; done
	PATH=$ENGINE_DIR/bin:$PATH engine_unfilter
	cgroups_remove docker
	[ ! -f "$ENGINE_DIR/mounted" ] || tac "$ENGINE_DIR/mounted" | while read -r path; do umount -l "$path"; done
	rm -f "$ENGINE_PID" "$ENGINE_DIR/mounted" "$ENGINE_DIR/before" "$ENGINE_SOCKET"
}

# cgroups_remove NAME: the empty cgroups of that name below the root, deepest first.
cgroups_remove() {
	local top
	for top in /sys/fs/cgroup/"$1" /sys/fs/cgroup/*/"$1"; do
		[ ! -d "$top" ] || find "$top" -depth -type d -exec rmdir {} + 2>/dev/null || true
	done
}
