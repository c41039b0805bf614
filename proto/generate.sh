#!/bin/sh
# Makes proto/src/gen from proto/muster. The result is committed; a test says when it is stale.
set -eu
cd "$(dirname "$0")"
out=${1:-src/gen}
mkdir -p "$out"
../node_modules/.bin/protoc --plugin=protoc-gen-ts_proto=../node_modules/.bin/protoc-gen-ts_proto --ts_proto_out="$out" \
  --ts_proto_opt=outputServices=grpc-js,esModuleInterop=true,importSuffix=.ts,forceLong=bigint,oneof=unions-value,env=node \
  --ts_proto_opt=useOptionals=messages,enumsAsLiterals=true,removeEnumPrefix=true,outputJsonMethods=false,outputPartialMethods=false \
  -I . muster/v1/*.proto
