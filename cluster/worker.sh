#!/usr/bin/env bash
# One worker of several that train one GAN together, again and again until it is trained:
#
#     WORKERS="host-a:2222 host-b:2222" INDEX=0 bash worker.sh RUN NAME [...]
#
# RUN is the run's folder, which all workers reach; with --checkpoints ADDRESS each may have its own.
# NAME and the rest are as in `ganzoo train`.
# WORKERS is the same for all, the chief first; INDEX is this worker's place in it, from 0.
set -uo pipefail
run=$1
shift
read -ra workers <<< "$WORKERS"
printf -v quoted '"%s", ' "${workers[@]}"
export TF_CONFIG="{\"cluster\": {\"worker\": [${quoted%, }]},
                   \"task\": {\"type\": \"worker\", \"index\": $INDEX}}"
while true; do
    # With --checkpoints the same command goes on, and all workers must run the same one.
    if [ -e "$run/config.json" ] && [[ " $* " != *" --checkpoints "* ]]; then
        ganzoo train --resume "$run" --strategy multiworker
    else
        ganzoo train "$@" --out "$run" --strategy multiworker
    fi
    code=$?
    # 75: another worker is gone; 128 and more: this one was killed
    if [ $code -ne 75 ] && [ $code -lt 128 ]; then exit $code; fi
    sleep "${PAUSE:-5}"
done
