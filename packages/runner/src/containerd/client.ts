import type { Options } from "@lading/oci";
import { GrpcConnection } from "./grpc.ts";
import { ContainersClientImpl } from "./gen/containers.ts";
import { ContentClientImpl } from "./gen/content.ts";
import { DiffClientImpl } from "./gen/diff.ts";
import { EventsClientImpl } from "./gen/events.ts";
import { ImagesClientImpl } from "./gen/images.ts";
import { IntrospectionClientImpl } from "./gen/introspection.ts";
import { LeasesClientImpl, type Resource } from "./gen/leases.ts";
import { SnapshotsClientImpl } from "./gen/snapshots.ts";
import { TasksClientImpl } from "./gen/tasks.ts";
import { VersionClientImpl } from "./gen/version.ts";

/** containerd's services, in one of its namespaces. Calls throw GrpcError. */
export class ContainerdClient implements AsyncDisposable {
  readonly #connection: GrpcConnection;
  readonly #lease: string | undefined;
  readonly namespace: string;
  readonly containers: ContainersClientImpl;
  readonly content: ContentClientImpl;
  readonly diff: DiffClientImpl;
  readonly events: EventsClientImpl;
  readonly images: ImagesClientImpl;
  readonly introspection: IntrospectionClientImpl;
  readonly leases: LeasesClientImpl;
  readonly snapshots: SnapshotsClientImpl;
  readonly tasks: TasksClientImpl;
  readonly version: VersionClientImpl;

  private constructor(connection: GrpcConnection, namespace: string, lease: string | undefined) {
    this.#connection = connection;
    this.#lease = lease;
    this.namespace = namespace;
    const rpc = connection.with({
      "containerd-namespace": namespace,
      ...(lease === undefined ? {} : { "containerd-lease": lease }),
    });
    this.containers = new ContainersClientImpl(rpc);
    this.content = new ContentClientImpl(rpc);
    this.diff = new DiffClientImpl(rpc);
    this.events = new EventsClientImpl(rpc);
    this.images = new ImagesClientImpl(rpc);
    this.introspection = new IntrospectionClientImpl(rpc);
    this.leases = new LeasesClientImpl(rpc);
    this.snapshots = new SnapshotsClientImpl(rpc);
    this.tasks = new TasksClientImpl(rpc);
    this.version = new VersionClientImpl(rpc);
  }

  /** Of the containerd whose socket is `address`; connects at the first call. */
  static at(address: string, namespace: string): ContainerdClient {
    return new ContainerdClient(new GrpcConnection(address), namespace, undefined);
  }

  /**
   * What `work` makes with the client it gets is not garbage until `work` has ended, though nothing
   * refers to it yet. The lease expires by itself when this process dies.
   */
  async leased<T>(work: (client: ContainerdClient) => Promise<T>, { signal }: Options = {}): Promise<T> {
    if (this.#lease !== undefined) return work(this);
    const expires = new Date(Date.now() + leaseTime).toISOString();
    const { lease } = await this.leases.create(
      { id: leaseId(), labels: { "containerd.io/gc.expire": expires } },
      signal,
    );
    const id = lease?.id ?? "";
    try {
      return await work(new ContainerdClient(this.#connection, this.namespace, id));
    } finally {
      // Whatever became of the work: an expired or deleted lease is one that is gone.
      await this.leases.delete({ id, sync: false }).catch(() => undefined);
    }
  }

  /** Keeps what may be there already while the lease lasts; nothing without one. */
  async lease(resource: Resource, { signal }: Options = {}): Promise<void> {
    if (this.#lease !== undefined) await this.leases.addResource({ id: this.#lease, resource }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}

const leaseTime = 24 * 60 * 60 * 1000; // milliseconds, as containerd's own client has it

function leaseId(): string {
  return `lading-${crypto.randomUUID()}`;
}
