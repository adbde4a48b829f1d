#!/bin/sh
# An agent in plain curl: reads a patient masked, asks for the name, waits for the reviewer, and
# acts on the problem if there is one (RFC 9457).
#
#   API_URL=http://127.0.0.1:10000 API_TOKEN=... examples/agent.sh PATIENT-ID ["REASON"]
#
# Exit status: 0 with what was granted, 2 refused for good, 3 not decided in time or worth a retry.
set -eu

url=${API_URL:?where Envoy listens}
token=${API_TOKEN:?the token of the agent}
patient=${1:?the id of a patient}
reason=${2:-call back about the lab result}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Sends a GET with the headers given; leaves head and body in $folder, prints the status.
get() {
    curl --silent --show-error --max-time 90 \
        --dump-header "$folder/head" --output "$folder/body" --write-out '%{http_code}' \
        --header "authorization: Bearer $token" "$@" "$url/Patient/$patient"
}

# The value of a header of the last answer.
header() {
    tr -d '\r' <"$folder/head" | sed -n "s/^$1: //Ip" | tail -n 1
}

# A text of the problem in the last body.
member() {
    sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" "$folder/body"
}

echo "masked:"
status=$(get)
cat "$folder/body"
echo
[ "$status" = 200 ] || exit 2

echo "asking for the name, waiting up to a minute for a reviewer ..."
status=$(get --header 'velum-lift: name' --header "velum-reason: $reason" --header 'prefer: wait=60')

# Nobody has decided yet: the approval lives on. The same request with its id finds it again.
tries=0
while [ "$status" = 403 ] && [ "$(member type)" = https://velum.dev/problems/approval-required ]; do
    approval=$(header velum-approval)
    wait=$(header retry-after)
    tries=$((tries + 1))
    if [ "$tries" -gt 10 ]; then
        echo "not decided: approval $approval is still pending" >&2
        exit 3
    fi
    echo "approval $approval is pending; again in ${wait:-5} s"
    sleep "${wait:-5}"
    status=$(get --header 'velum-lift: name' --header "velum-reason: $reason" \
        --header "velum-approval: $approval" --header 'prefer: wait=60')
done

case $status in
200)
    echo "with what was granted ($(header velum-lifted)):"
    cat "$folder/body"
    echo
    ;;
*)
    echo "refused ($status): $(member detail) $(member public_reason)" >&2
    if grep -q '"retryable" *: *true' "$folder/body"; then exit 3; fi
    exit 2
    ;;
esac
