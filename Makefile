PY := .venv/bin/python

.PHONY: proto
proto:
	$(PY) -m grpc_tools.protoc -I proto \
	  --python_out=libs/protos --grpc_python_out=libs/protos \
	  --mypy_out=libs/protos --mypy_grpc_out=libs/protos \
	  $$(find proto -name '*.proto' | sort)

# The engine in release mode, put beside its Python package.
.PHONY: engine
engine:
	cd libs/engine && cargo build --release --locked -p rheon-engine-python
	cp libs/engine/target/release/lib_engine.so libs/engine/rheon_engine/_engine.abi3.so
