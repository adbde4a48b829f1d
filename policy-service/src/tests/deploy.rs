//! `deploy/`: the unit and the manifests fit each other, the program and its configuration. They have not
//! been run in a cluster here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use velum_harness::Authority;

use crate::Config;
use crate::auth::Access;
use crate::http::ROUTES;
use crate::keys::Keys;
use crate::random::SystemRandom;
use crate::store::Place;
use crate::tls::Tls;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// Every resource by its kind; there is one of each.
fn manifests() -> BTreeMap<String, Value> {
    let mut manifests = BTreeMap::new();
    for entry in fs::read_dir(deploy().join("kubernetes")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let document: Value = serde_saphyr::from_str(&text).unwrap();
        let kind = document["kind"].as_str().unwrap().to_owned();
        assert!(document["apiVersion"].is_string(), "{}", path.display());
        let metadata = &document["metadata"];
        if kind == "Namespace" {
            assert_eq!(metadata["name"], "velum");
        } else {
            assert_eq!(metadata["name"], "velum-policy-service", "{kind}");
            assert_eq!(metadata["namespace"], "velum", "{kind}");
        }
        assert!(manifests.insert(kind, document).is_none());
    }
    manifests
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn texts<'v>(values: &'v Value, key: &str) -> BTreeSet<&'v str> {
    list(values)
        .iter()
        .map(|it| it[key].as_str().unwrap())
        .collect()
}

#[test]
fn the_manifests_fit_each_other_and_the_routes() {
    let manifests = manifests();
    let expected = [
        "ConfigMap",
        "Deployment",
        "Namespace",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "Service",
    ];
    assert_eq!(
        manifests.keys().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
    let deployment = &manifests["Deployment"]["spec"];
    let template = &deployment["template"];
    let labels = &template["metadata"]["labels"];
    for selector in [
        &deployment["selector"]["matchLabels"],
        &manifests["Service"]["spec"]["selector"],
        &manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        &manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    let replicas = deployment["replicas"].as_u64().unwrap();
    let least = manifests["PodDisruptionBudget"]["spec"]["minAvailable"]
        .as_u64()
        .unwrap();
    assert_eq!((replicas, least), (2, 1));
    // An upgrade stops every replica first: docs/deploy.md says so.
    assert_eq!(deployment["strategy"], json!({"type": "Recreate"}));

    let containers = list(&template["spec"]["containers"]);
    assert_eq!(containers.len(), 1);
    let container = &containers[0];
    let ports = texts(&container["ports"], "name");
    assert_eq!(ports, BTreeSet::from(["gateways", "metrics", "reviewers"]));
    assert_eq!(
        texts(&manifests["Service"]["spec"]["ports"], "targetPort"),
        ports
    );
    for port in list(&manifests["Service"]["spec"]["ports"]) {
        let target = list(&container["ports"])
            .iter()
            .find(|it| it["name"] == port["targetPort"]);
        assert_eq!(target.unwrap()["containerPort"], port["port"]);
    }
    let mut open = BTreeSet::new();
    for rule in list(&manifests["NetworkPolicy"]["spec"]["ingress"]) {
        assert!(!list(&rule["from"]).is_empty(), "a port for everybody");
        open.extend(texts(&rule["ports"], "port"));
    }
    assert_eq!(open, ports);
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let get = &container[probe]["httpGet"];
        let is_public = |path: &str| {
            ROUTES
                .iter()
                .any(|route| route.path == path && route.access == Access::Public)
        };
        assert!(is_public(get["path"].as_str().unwrap()), "{probe}");
        assert!(ports.contains(get["port"].as_str().unwrap()), "{probe}");
        assert_eq!(get["scheme"], "HTTPS", "{probe}");
    }
    let signer = &template["spec"]["initContainers"][0];
    let mut mounted = texts(&container["volumeMounts"], "name");
    let of_signer = texts(&signer["volumeMounts"], "name");
    // The key of the log is the signer's alone, and the service's keys are not for it.
    assert!(of_signer.contains("log-key") && !mounted.contains("log-key"));
    assert!(mounted.contains("keys") && !of_signer.contains("keys"));
    mounted.extend(of_signer);
    assert_eq!(mounted, texts(&template["spec"]["volumes"], "name"));
    // Both replicas have the fence, and neither container what is the other's of that volume.
    let claim = &manifests["PersistentVolumeClaim"]["spec"];
    assert_eq!(claim["accessModes"], json!(["ReadWriteMany"]));
    let part = |container: &Value| {
        let mounts = list(&container["volumeMounts"]);
        let kept = mounts.iter().find(|mount| mount["name"] == "kept");
        kept.unwrap()["subPath"].clone()
    };
    assert_eq!(
        (part(container), part(signer)),
        (json!("fence"), json!("signer"))
    );
}

#[test]
fn the_pods_may_do_nothing_that_they_need_not() {
    let manifests = manifests();
    let pod = &manifests["Deployment"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    assert_eq!(
        container["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        })
    );
    let signer = &pod["initContainers"][0];
    let mut confined = signer["securityContext"].clone();
    let user = confined.as_object_mut().unwrap().remove("runAsUser");
    assert_eq!(confined, container["securityContext"]);
    assert_ne!(user.as_ref(), Some(&pod["securityContext"]["runAsUser"]));
    assert_eq!(signer["restartPolicy"], "Always");
    let writable = |container: &Value| -> Vec<_> {
        let mounts = list(&container["volumeMounts"]).iter();
        let mounts = mounts.filter(|mount| mount["readOnly"] != true);
        mounts.map(|mount| mount["mountPath"].clone()).collect()
    };
    assert_eq!(writable(container), ["/var/lib/velum-fence"]);
    assert_eq!(
        writable(signer),
        ["/var/lib/velum-signer", "/run/velum-signer"]
    );
    // It is gone within ten seconds of SIGTERM, which comes after the pause.
    let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        .as_u64()
        .unwrap();
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > pause + 10);
    // YAML 1.2 reads 0440 as 440; Kubernetes' own reader takes it for octal.
    let text = fs::read_to_string(deploy().join("kubernetes/deployment.yaml")).unwrap();
    assert_eq!(text.matches("defaultMode: 0440").count(), 4);
}

#[test]
fn the_configuration_of_the_manifests_is_one_that_the_service_takes() {
    let manifests = manifests();
    let data = &manifests["ConfigMap"]["data"];
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let authority = Authority::new().unwrap();
    let certificate = authority.server().unwrap();
    for (name, text) in [
        (
            "etc/velum/policy.yaml",
            data["policy.yaml"].as_str().unwrap(),
        ),
        ("run/velum/tls/tls.crt", &certificate.certificate),
        ("run/velum/tls/tls.key", &certificate.key),
        ("run/velum/gateways/ca.crt", &authority.certificate()),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let key = velum_approval::PublicKey::of(&velum_approval::SigningKey::from_bytes(&[1; 32]));
        fs::write(&path, text.replace("ed25519:PUBLIC_KEY", &key.to_string())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
    }
    let keys = root.join("run/velum/keys");
    crate::keys::make_folder(&keys).unwrap();
    Keys::open(&keys, &SystemRandom).unwrap();
    // The secret is the environment's, which tests leave alone.
    let text = data["service.toml"]
        .as_str()
        .unwrap()
        .replace("\"/", &format!("\"{}/", root.display()))
        .replace(
            "url_environment = \"VELUM_DATABASE\"",
            "url = \"postgres://velum@db.example/velum\"",
        );
    let config = Config::from_toml(&text, &root.join("etc/velum")).unwrap();
    assert!(matches!(config.store, Place::Database(_)));
    Keys::read(config.keys.as_ref().unwrap()).unwrap();
    // The signer is the one that the service asks.
    let signer = data["signer.toml"].as_str().unwrap();
    let signer: toml::Table = signer.parse().unwrap();
    let audit = data["service.toml"]
        .as_str()
        .unwrap()
        .parse::<toml::Table>();
    let audit = &audit.unwrap()["audit"];
    assert_eq!(signer["socket"], audit["signer"]);
    assert_eq!(signer["name"], audit["name"]);
    let pod = &manifests["Deployment"]["spec"]["template"]["spec"];
    let user = pod["securityContext"]["runAsUser"].as_i64();
    assert_eq!(signer["uid"].as_integer(), user);
    let text = data["signer.toml"].as_str().unwrap();
    crate::SignerConfig::from_toml(text, root).unwrap();
    assert_eq!(
        pod["initContainers"][0]["args"],
        json!(["signer", "--config", "/etc/velum/signer.toml"])
    );
    Tls::open(config.listeners.tls.clone().unwrap()).unwrap();
    // Listeners and ports are the same.
    let container = &manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0];
    let ports: BTreeSet<_> = list(&container["ports"])
        .iter()
        .map(|port| u16::try_from(port["containerPort"].as_u64().unwrap()).unwrap())
        .collect();
    let listening = config
        .listeners
        .addresses()
        .chain([config.metrics.unwrap().listen]);
    assert_eq!(
        listening
            .map(|address| address.port())
            .collect::<BTreeSet<_>>(),
        ports
    );
    let environment = texts(&container["env"], "name");
    assert!(environment.contains("VELUM_DATABASE"));
    assert_eq!(
        container["args"],
        json!(["--config", "/etc/velum/service.toml"])
    );
}

#[test]
fn the_units_confine_the_programs_and_systemd_reads_them() {
    let users = fs::read_to_string(deploy().join("systemd/velum.conf")).unwrap();
    for (unit, user, programs, lines) in [
        (
            "velum-policy-service.service",
            "velum",
            2,
            &["ExecReload=/bin/kill -HUP $MAINPID", "PrivateUsers=yes"][..],
        ),
        (
            "velum-signer.service",
            "velum-signer",
            1,
            &[
                "Group=velum",
                "PrivateNetwork=yes",
                "RestrictAddressFamilies=AF_UNIX",
            ],
        ),
    ] {
        let text = fs::read_to_string(deploy().join("systemd").join(unit)).unwrap();
        let (own, state) = (format!("User={user}"), format!("StateDirectory={user}"));
        for line in [
            &*own,
            &*state,
            "StateDirectoryMode=0700",
            "NoNewPrivileges=yes",
            "CapabilityBoundingSet=",
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "PrivateTmp=yes",
            "MemoryDenyWriteExecute=yes",
            "SystemCallFilter=@system-service",
        ]
        .iter()
        .chain(lines)
        {
            assert!(text.lines().any(|given| given == *line), "{unit}: {line}");
        }
        assert!(users.contains(&format!("u {user} ")), "{users}");
        // The program that it names is not installed here.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(unit);
        let program = "/usr/local/bin/velum-policy-service";
        assert_eq!(text.matches(program).count(), programs);
        fs::write(&file, text.replace(program, "/bin/true")).unwrap();
        let verified = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&file)
            .output();
        let Ok(output) = verified else { continue };
        let said = String::from_utf8_lossy(&output.stderr);
        let faults: Vec<_> = said.lines().filter(|line| line.contains(unit)).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
}
