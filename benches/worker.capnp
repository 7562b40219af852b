using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .oldDesign),
    # The upstream stands on loopback.
    (name = "internet", network = (allow = ["local", "private"])),
  ],
  sockets = [(name = "http", address = "@LISTEN@", http = (), service = "main")],
);

const oldDesign :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2025-01-01",
  bindings = [
    (name = "PRIMARY", text = "http://@UPSTREAM@"),
    (name = "LEGACY", text = "http://@UPSTREAM@"),
  ],
);
