"""What sources that read logs of robots share."""
