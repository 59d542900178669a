# What the tests share. A test fails by calling fail, or by what it prints.
rondo() { "$RONDO" "$@"; }
fail() { echo "$*" >&2; exit 1; }
skip() { echo "$*"; exit 77; }

# refuses CODE WORDS… -- COMMAND…: the command must exit with CODE, and say WORDS on stderr; nothing may crash.
refuses() {
    want=$1; shift
    words=
    while [ "$1" != -- ]; do words="$words $1"; shift; done
    shift
    code=0
    "$@" >stdout.txt 2>stderr.txt || code=$?
    [ $code -eq "$want" ] || fail "exit $code, expected $want: $* : $(cat stderr.txt)"
    for word in $words; do
        grep -q -e "$word" stderr.txt || fail "no \"$word\" in: $(cat stderr.txt)"
    done
    grep -q '^rondo: ' stderr.txt || fail "no sentence: $(cat stderr.txt)"
}

weights() { # a digest of what was trained; files of equal runs are equal to the byte
    sha256sum <"$1/model.safetensors"
}

json() { # its standard input must be JSON values
    awk -f "$LIB/json.awk" || fail "not JSON"
}

tiny_csv() { # FILE SEQUENCES: short sequences of two classes
    awk -v n="$2" 'BEGIN {
        srand(1); print "id,x,y,label"
        for (i = 1; i <= n; i++) for (t = 0; t < 4 + i % 5; t++)
            printf "%d,%.3f,%.3f,%s\n", i, sin(t * (1 + i % 2)) + rand() / 5, rand(), i % 2 ? "fast" : "slow"
    }' >"$1"
}

tiny_train() { # DIR OPTIONS…: trains a small classifier on data.csv
    dir=$1; shift
    rondo train --model "gru 4; dense softmax" --data data.csv --sequence id --target label --features x,y \
        --epochs 2 --batch 8 -o "$dir" --quiet "$@"
}
