#!/bin/bash
# In the guest: log in to the library on the host, then prove that (1) SG_IO drives changer and drives, and Kho's tier reads through
# it, (2) mt and tar alone read what Kho wrote. The last line says whether all of it held.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
cd /run/tape || exit 1
. ./settings   # PORT, TARGET, PYTHON, SOURCE, and what was written: FILES
echo "guest kernel $(uname -r)"
iscsistart -i iqn.2026-11.vn.kho:vm -t "$TARGET" -g 1 -a 10.0.2.2 -p "$PORT" 2>&1 | tail -2 &
for _ in $(seq 300); do [ -e /dev/nst1 ] && [ -e /dev/sg2 ] && break; sleep 0.2; done
sleep 1
ls /dev/nst? /dev/sg* | tr '\n' ' '; echo
failed=0

echo "== SG_IO: the tier verifies everything through /dev/sg"
(cd "$SOURCE" && "$PYTHON" -m tests.storage.tape.vm_guest /run/tape) || failed=1

echo "== mt and tar alone"
changer=$(for each in /dev/sg*; do mtx -f "$each" inquiry 2>/dev/null | grep -q 'Medium Changer' && echo "$each"; done | head -1)
mkdir -p /tmp/root
for row in $FILES; do   # SLOT:NUMBER-OF-TAPE-FILES, in the order of the bundles
    slot=${row%%:*}; count=${row##*:}
    mtx -f "$changer" load "$slot" 0 || failed=1
    for _ in $(seq 50); do mt-st -f /dev/nst0 status >/dev/null 2>&1 && break; sleep 0.2; done
    mt-st -f /dev/nst0 setblk 0 || failed=1
    for file in $(seq 2 "$count"); do
        mt-st -f /dev/nst0 rewind && mt-st -f /dev/nst0 fsf $((3 * (file - 1) + 2)) || failed=1
        mark=$(dd if=/dev/nst0 bs=80 count=3 2>/dev/null | tail -c 80 | cut -c1-5)
        [ "$mark" = UTL1C ] || { echo "tape file $file is void ($mark)"; continue; }
        mt-st -f /dev/nst0 rewind && mt-st -f /dev/nst0 fsf $((3 * (file - 1) + 1)) || failed=1
        tar -b 512 -x -f /dev/nst0 -C /tmp/root || failed=1
    done
    mt-st -f /dev/nst0 rewind; mt-st -f /dev/nst0 offline; mtx -f "$changer" unload "$slot" 0 || failed=1
done
(cd /tmp/root && find . -type f -print0 | sort -z | xargs -0 sha512sum) > /run/tape/found
wc -l < /run/tape/found
sed -n 1,3p /run/tape/readme 2>/dev/null
[ "$failed" = 0 ] && echo "GUEST: ALL OF IT HELD" || echo "GUEST: FAILED"
