use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Client, Failure, Result};

/// A client of the policy service with one person's token.
#[derive(Debug, Clone)]
pub struct Reviewer {
    client: Client,
    token: String,
}

/// An answer of the policy service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceAnswer {
    /// The status code.
    pub status: u16,
    /// The document, a problem where the status says so; `null` if there was none.
    pub body: Value,
}

impl Reviewer {
    /// A reviewer of the service at `address`.
    pub fn new(address: SocketAddr, token: &str) -> Self {
        Self {
            client: Client::new(address),
            token: token.to_owned(),
        }
    }

    /// The pending approvals.
    pub async fn list(&self) -> Result<Vec<Value>> {
        let answer = self.get("/v1/approvals?state=pending").await?;
        approvals(&answer).cloned().ok_or_else(|| {
            Failure::new(format!(
                "no list of approvals: {} {}",
                answer.status, answer.body
            ))
        })
    }

    /// One approval.
    pub async fn show(&self, id: &str) -> Result<ServiceAnswer> {
        self.get(&format!("/v1/approvals/{id}")).await
    }

    /// Approves, all classes asked for or only these.
    pub async fn approve(&self, id: &str, classes: Option<&[&str]>) -> Result<ServiceAnswer> {
        let body = classes.map_or_else(|| json!({}), |classes| json!({"classes": classes}));
        self.post(&format!("/v1/approvals/{id}/approve"), &body)
            .await
    }

    /// Denies, with a reason that the requester may read.
    pub async fn deny(&self, id: &str, public_reason: Option<&str>) -> Result<ServiceAnswer> {
        let body = public_reason.map_or_else(|| json!({}), |text| json!({"public_reason": text}));
        self.post(&format!("/v1/approvals/{id}/deny"), &body).await
    }

    /// The audit records after index `after` (from the first: `None`).
    pub async fn audit(&self, after: Option<u64>) -> Result<Vec<Value>> {
        let after = after.map_or_else(String::new, |index| format!("after={index}&"));
        let answer = self.get(&format!("/v1/audit?{after}limit=1000")).await?;
        answer.body["entries"].as_array().cloned().ok_or_else(|| {
            Failure::new(format!(
                "no audit records: {} {}",
                answer.status, answer.body
            ))
        })
    }

    /// Waits until exactly one approval is pending, and gives it.
    pub async fn wait_for_pending(&self, patience: Duration) -> Result<Value> {
        let start = Instant::now();
        loop {
            let mut pending = self.list().await?;
            match pending.pop() {
                Some(approval) if pending.is_empty() => return Ok(approval),
                Some(_) => return Err(Failure::new("more than one approval is pending")),
                None if start.elapsed() > patience => {
                    return Err(Failure::new(format!(
                        "no approval is pending after {patience:?}"
                    )));
                }
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// `GET` of any path with this reviewer's token.
    pub async fn get(&self, path: &str) -> Result<ServiceAnswer> {
        answer(self.client.get(path).bearer(&self.token)).await
    }

    /// `POST` of JSON to any path with this reviewer's token.
    pub async fn post(&self, path: &str, body: &Value) -> Result<ServiceAnswer> {
        answer(
            self.client
                .call("POST", path)
                .bearer(&self.token)
                .json(body),
        )
        .await
    }
}

async fn answer(call: crate::Call) -> Result<ServiceAnswer> {
    let response = call.send().await?;
    Ok(ServiceAnswer {
        status: response.status,
        body: response.json(),
    })
}

fn approvals(answer: &ServiceAnswer) -> Option<&Vec<Value>> {
    answer.body["approvals"].as_array()
}
