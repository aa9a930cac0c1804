PY := .venv/bin/python

.PHONY: proto
proto:
	$(PY) -m grpc_tools.protoc -I proto \
	  --python_out=libs/protos --grpc_python_out=libs/protos \
	  --mypy_out=libs/protos --mypy_grpc_out=libs/protos \
	  $$(find proto -name '*.proto' | sort)
