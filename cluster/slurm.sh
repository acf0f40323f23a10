#!/usr/bin/env bash
# sbatch cluster/slurm.sh runs/faces lsgan --data folder:/shared/faces --epochs 100
#SBATCH --job-name=ganzoo
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --requeue
set -euo pipefail
WORKERS=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/$/:2222/' | paste -sd ' ')
export WORKERS
# --kill-on-bad-exit=0: the others go on waiting while one is replaced
srun --kill-on-bad-exit=0 \
    bash -c 'INDEX=$SLURM_PROCID exec bash cluster/worker.sh "$@"' worker "$@"
