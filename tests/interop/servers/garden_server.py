"""Serves garden.proto with grpcio and its reflection, on a port that it prints. Its argument is the folder in which
grpcio-tools has written the generated modules."""

import sys
from concurrent import futures

sys.path.insert(0, sys.argv[1])

import grpc  # noqa: E402
import garden_pb2  # noqa: E402
import garden_pb2_grpc  # noqa: E402
from google.protobuf import any_pb2  # noqa: E402
from google.rpc import code_pb2, error_details_pb2, status_pb2  # noqa: E402
from grpc_reflection.v1alpha import reflection  # noqa: E402
from grpc_status import rpc_status  # noqa: E402


class Garden(garden_pb2_grpc.GardenServicer):
    def GetPlant(self, request, context):
        if request.id == "weed":
            detail = any_pb2.Any()
            detail.Pack(error_details_pb2.ErrorInfo(reason="NO_WEEDS", domain="acme.garden"))
            status = status_pb2.Status(code=code_pb2.NOT_FOUND, message="no weeds here “ever”", details=[detail])
            context.abort_with_status(rpc_status.to_status(status))
        return plant(request.id)

    def WaterPlant(self, request, context):
        return plant(request.id, leaves=request.millilitres)

    def WatchPlant(self, request, context):
        for leaves in range(3):
            yield plant(request.id, leaves=leaves)

    def CountPlants(self, requests, context):
        return garden_pb2.CountPlantsResponse(plants=sum(1 for _ in requests))

    def Exchange(self, requests, context):
        for request in requests:
            yield plant(request.id)


def plant(name, leaves=9007199254740993):
    answer = garden_pb2.Plant(id=name, latin_name="Monstera deliciosa", leaves=leaves)
    answer.watered_at.FromJsonString("2026-01-31T12:00:00Z")
    return answer


server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
garden_pb2_grpc.add_GardenServicer_to_server(Garden(), server)
services = (garden_pb2.DESCRIPTOR.services_by_name["Garden"].full_name, reflection.SERVICE_NAME)
reflection.enable_server_reflection(services, server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening on 127.0.0.1:{port}", flush=True)
server.wait_for_termination()
