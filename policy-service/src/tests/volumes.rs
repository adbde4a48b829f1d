//! How much room there is, as others see it.

use crate::testing::{CONFIGURATION, Service};

async fn ready(service: &Service) -> (u16, String) {
    let answer = service.request("GET", "/readyz").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn little_room_is_told_before_there_is_none() {
    let fence = tempfile::tempdir().unwrap();
    let path = fence.path().join("fence");
    let service = Service::with(&format!("{CONFIGURATION}\n[audit]\nfence = {path:?}\n")).await;
    // What there is was measured before anything was served.
    let (_, logs) = service.get("grace", "/v1/logs").await;
    for name in ["data", "fence"] {
        let volumes = logs["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|it| it["name"] == name).unwrap();
        assert!(volume["total_bytes"].as_u64().unwrap() > 0, "{logs}");
        let other = if name == "data" { "fence" } else { "data" };
        // Both are temporary folders.
        assert_eq!(volume["shares_with"], serde_json::json!([other]), "{logs}");
    }
    let volumes = &service.running.app.parts().volumes;
    for name in ["data", "fence"] {
        volumes.pretend("data", 50, 100);
        volumes.pretend("fence", 50, 100);
        assert_eq!(ready(&service).await, (200, "ok\n".to_owned()));
        volumes.pretend(name, 19, 100);
        let (status, text) = ready(&service).await;
        assert_eq!(status, 200, "what is recorded still is no reason to stop");
        assert!(
            text.contains("less than a fifth of a volume is free"),
            "{text}"
        );
        let (_, logs) = service.get("grace", "/v1/logs").await;
        let low = logs["volumes"].as_array().unwrap().iter();
        let low = low.filter(|it| it["is_low"] == true);
        let low: Vec<_> = low.map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(low, [name]);
    }
}
