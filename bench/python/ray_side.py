"""Ray: one actor puts arrays into the object store, another gets them without copying."""

import os

os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
import ray
from take_part import OwnArrays, look, now_ns, take_part


@ray.remote
class Producer:
    def __init__(self):
        self.own = OwnArrays()

    def write(self, size):
        self.own.of(size)

    def hand_over(self, size, sums, consumer):
        array = self.own.of(size)
        start = now_ns()
        reference = ray.put(array)
        reply = ray.get(consumer.take.remote([reference], sums))
        return {"startNs": start, **reply}


@ray.remote
class Consumer:
    def take(self, references, sums):
        return look(ray.get(references[0]), sums)

    def ready(self):
        return True


actors = {}


def open_side(request):
    ray.init(
        num_cpus=2,
        object_store_memory=4 << 30,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        _temp_dir=request["at"],
    )
    actors["producer"], actors["consumer"] = Producer.remote(), Consumer.remote()
    ray.get(actors["consumer"].ready.remote())


def hand_over(request):
    producer, consumer = actors["producer"], actors["consumer"]
    ray.get(producer.write.remote(request["bytes"]))
    return ray.get(producer.hand_over.remote(request["bytes"], request["sum"], consumer))


take_part({"open": open_side, "handOver": hand_over})
ray.shutdown()
