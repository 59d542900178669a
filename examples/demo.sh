#!/bin/sh
# What `make demo` shows after the build: the network that every tutorial begins with, trained on drawn digits,
# evaluated, and asked about digits it has never seen.
set -eu
RONDO=${RONDO:-build/rondo}
run=runs/demo
unseen='task:digits?count=1000&seed=1'

say() { printf '\n%s\n\n' "$*"; }

say "1. Train: images of digits, read row by row by two recurrent layers."
echo "\$ rondo train --model \"simple_rnn 64 tanh return_sequences; simple_rnn 64 tanh; dense 10 softmax\" \\"
echo "      --data 'task:digits?count=8000' --validation '$unseen' \\"
echo "      --epochs 10 --batch 32 --seed 1 -o $run"
"$RONDO" train --model "simple_rnn 64 tanh return_sequences; simple_rnn 64 tanh; dense 10 softmax" \
    --data 'task:digits?count=8000' --validation "$unseen" --epochs 10 --batch 32 --seed 1 -o $run --fresh

say "2. Evaluate: 1000 digits that it has not seen."
echo "\$ rondo eval $run --data '$unseen'"
"$RONDO" eval $run --data "$unseen"

say "3. Predict: what it says to six more."
echo "\$ rondo predict $run --data 'task:digits?count=6&seed=2' --show"
"$RONDO" predict $run --data 'task:digits?count=6&seed=2' --show | awk '
    function row(first,   r, i, line) { # three drawings side by side
        for (r = 1; r <= height; r++) {
            line = ""
            for (i = first; i < first + 3; i++) line = line sprintf("%-26s", (r == height ? "        " : "") cell[i, r])
            sub(/ +$/, "", line)
            print line
        }
    }
    BEGIN { n = 0 }
    $0 == "" { height = k; k = 0; if (++n % 3 == 0) row(n - 3); next }
    { cell[n, ++k] = substr($0, 1, 25) }'

say "What next?"
cat <<END
  build/rondo new classify gestures     a recipe and sample data of your own to change
  build/rondo train gestures/recipe.yaml
  build/rondo inspect $run         the network, its weights, what it knows
  build/rondo check $run           its gradients against finite differences
  build/rondo train --help              everything there is to choose

  examples/tutorial.c is the same network as a C program; README.md tells the rest.
END
