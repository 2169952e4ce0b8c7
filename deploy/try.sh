#!/usr/bin/env bash
# Waits until the example serves, and says what to try next.
set -euo pipefail
kaji=bin/kaji
ip=$($kaji get pods -l app=web -o 'jsonpath={.items[0].status.podIP}')
# bash asks by itself: this machine may have no curl.
ask() {
  exec 3<>"/dev/tcp/$ip/8080" || return 1
  printf 'GET / HTTP/1.0\r\nHost: %s\r\n\r\n' "$ip" >&3
  timeout 2 tail -n 1 <&3
}
answer=""
for _ in $(seq 100); do
  answer=$(ask 2>/dev/null) && [ -n "$answer" ] && break
  sleep 0.1
done
if [ -z "$answer" ]; then
  echo "the example does not answer at http://$ip:8080/; look at: $kaji describe pods -l app=web" >&2
  exit 1
fi
pod=$($kaji get pods -l app=web -o 'jsonpath={.items[0].metadata.name}')
cat <<EOF

The example serves: curl http://$ip:8080/
  $answer

Try next:
  $kaji get pods -l app=web -o wide
  $kaji logs $pod
  $kaji exec -it $pod -- sh
  $kaji scale deployment/web --replicas=5
  $kaji set image deployment/web web=127.0.0.1:7480/examples/web:2 && $kaji rollout status deployment/web
  $kaji rollout undo deployment/web
  go tool grpcurl -d '{"namespace":"default"}' \$($kaji config grpcurl) kaji.core.v1.PodService/ListPods
  go tool task down
EOF
