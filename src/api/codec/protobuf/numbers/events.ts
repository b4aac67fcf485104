// Field numbers of the protobuf form: events. One type a line, in the form that plan.ts reads.
export const events = `
EventsV1Event metadata=1 eventTime=2 series=3 reportingController=4 reportingInstance=5 action=6 reason=7 regarding=8 related=9 note=10 type=11 deprecatedSource=12 deprecatedFirstTimestamp=13 deprecatedLastTimestamp=14 deprecatedCount=15
EventsV1EventSeries count=1 lastObservedTime=2
`;
